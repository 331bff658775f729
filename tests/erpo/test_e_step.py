import dataclasses

import pytest
import torch

from erpo_explore.erpo import draw_targets
from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import from_reference, shifted
from erpo_explore.erpo.edit_sampler import sample_edits
from erpo_explore.erpo.ngram_sampler import sample_ngram_replacements
from erpo_explore.erpo.noising import sample_noised
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space.point import LABELS, PREFIXES

from .frequencies import assert_drawn_from
from .tiny import (
    BOS,
    EOS,
    MAX_TOKENS,
    NUM_TOKENS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    WORDS,
    A,
    B,
    C,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    tiny_model,
)
from .worlds import padded

MODEL = tiny_model()
NUM_DRAWS = 10_000
ROWS = ((A, B), (C,), (B, A, C, A), ())
SCHEDULED_SAMPLING = Point(reward=Reward(truth=0.5, model=0.5), label="truth")
STRATIFIED = Point(
    reward=Reward(task=1.0, metric="edit", temperature=0.5), beta=0.6, estimator=Estimator(kind="stratified")
)
NGRAM = Point(reward=Reward(task=1.0, metric="bleu"), beta=0.4, estimator=Estimator(kind="ngram", samples=5))


def draw(point, *, copies=1, words=WORDS, max_tokens=MAX_TOKENS, seed=1):
    return draw_of(point, reference_of(words, copies), max_tokens, seed)


def draw_of(point, reference, max_tokens=MAX_TOKENS, seed=1):
    memory = memory_of(MODEL, len(reference.tokens_BT))
    return draw_targets(
        point, reward_of(point), MODEL, memory, reference, max_tokens=max_tokens, generator=seeded(seed)
    )


def assert_same(one, other):
    for field in ("inputs_RT", "labels_RT", "keep_RT", "finished_R", "q_RT", "log_z_R", "reward_R"):
        of_one, of_other = getattr(one, field), getattr(other, field)
        assert (of_one is None and of_other is None) or torch.equal(of_one, of_other)


def test_inputs_begin_with_bos_and_lag_one_token():
    tokens_RT = torch.tensor([[A, B, EOS], [C, EOS, PAD]])
    assert shifted(tokens_RT, SYMBOLS).tolist() == [[BOS, A, B], [BOS, C, EOS]]


class TestTruth:
    @pytest.mark.parametrize("alpha", [0.0, 1.0])
    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_with_truth_alone_the_draw_is_the_reference(self, alpha, prefix, label):
        found = draw(Point(reward=Reward(truth=1.0), alpha=alpha, prefix=prefix, label=label))
        assert found.inputs_RT.tolist() == [[BOS, *WORDS]]
        assert found.labels_RT.tolist() == [[*WORDS, EOS]]
        assert found.is_reference
        assert (found.soft_labels, found.q_RT, found.reward_R) == (None, None, None)

    @pytest.mark.parametrize("point", [POINTS["raml_edit"], POINTS["interpolation"], POLICY_GRADIENT])
    def test_with_everything_forced_the_draw_is_the_reference(self, point):
        assert_same(draw(dataclasses.replace(point, forced=1.0)), from_reference(reference_of()))

    @pytest.mark.parametrize(
        "point", [Point(reward=Reward(truth=1.0)), dataclasses.replace(POLICY_GRADIENT, forced=1.0)]
    )
    def test_nothing_is_drawn(self, point):
        generator = seeded(3)
        before = generator.get_state()
        draw_targets(
            point, reward_of(point), MODEL, memory_of(MODEL), reference_of(), max_tokens=3, generator=generator
        )
        assert torch.equal(generator.get_state(), before)


class TestTheCheapestWay:
    """Each point is drawn by the sampler for its kind, which has tests of its own that it is exact."""

    REFERENCE = padded(*ROWS)

    def test_stratified_counts_edits_at_the_product_of_both_temperatures(self):
        assert_same(draw_of(STRATIFIED, self.REFERENCE), sample_edits(self.REFERENCE, 0.3, seeded(1)))

    def test_ngram_takes_its_number_of_candidates(self):
        expected = sample_ngram_replacements(
            reward_of(NGRAM), self.REFERENCE, num_candidates=5, temperature=0.4, generator=seeded(1)
        )
        assert_same(draw_of(NGRAM, self.REFERENCE), expected)

    def test_truth_and_noise_are_drawn_all_at_once(self):
        point = POINTS["noising"]
        expected = sample_noised(point, reward_of(point), self.REFERENCE, max_tokens=7, generator=seeded(1))
        assert_same(draw_of(point, self.REFERENCE, 7), expected)

    @pytest.mark.parametrize("name", [name for name in POINTS if name not in ("noising", "noise")])
    def test_everything_else_is_drawn_token_by_token(self, name):
        point = POINTS[name]
        proposal = Proposal(point=point, reward=reward_of(point), model=MODEL)
        memory = memory_of(MODEL, len(ROWS))
        expected = sample(proposal, memory, self.REFERENCE, max_tokens=7, generator=seeded(1))
        assert_same(draw_of(point, self.REFERENCE, 7), expected)

    @pytest.mark.parametrize("name", POINTS)
    def test_for_sequence_weights_log_z_is_recorded(self, name):
        point = POINTS[name]
        found = draw(dataclasses.replace(point, estimator=Estimator(kind="sequence", samples=2)))
        assert found.log_z_R is not None
        assert found.log_z_R.isfinite().all()


class TestLengths:
    @pytest.mark.parametrize("name", POINTS)
    def test_along_the_truth_a_draw_has_the_references_length(self, name):
        found = draw_of(dataclasses.replace(POINTS[name], prefix="truth"), padded(*ROWS), max_tokens=9)
        assert torch.equal(found.keep_RT, padded(*ROWS).keep_BT)

    @pytest.mark.parametrize("max_tokens", [3, 5])
    @pytest.mark.parametrize("name", ["raml_edit", "noise", "spg_bleu"])
    def test_a_target_is_cut_at_the_maximum_length(self, name, max_tokens):
        found = draw(POINTS[name], copies=500, max_tokens=max_tokens)
        assert found.keep_RT.shape == (500, max_tokens)
        cut_R = found.keep_RT.all(1) & (found.labels_RT[:, -1] != EOS)
        assert torch.equal(found.finished_R, ~cut_R)


class TestScheduledSampling:
    @pytest.fixture
    def found(self):
        return draw(SCHEDULED_SAMPLING, copies=500)

    def test_the_label_is_the_truth(self, found):
        assert found.labels_RT.tolist() == [[*WORDS, EOS]] * 500
        assert found.keep_RT.all()
        assert found.is_reference

    @pytest.mark.parametrize("max_tokens", [3, 4, 9])
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_the_draw_has_the_references_length(self, max_tokens, prefix):
        found = draw_of(dataclasses.replace(SCHEDULED_SAMPLING, prefix=prefix), padded(*ROWS), max_tokens + 2)
        assert torch.equal(found.labels_RT, padded(*ROWS).tokens_BT)
        assert torch.equal(found.keep_RT, padded(*ROWS).keep_BT)
        assert found.inputs_RT.shape == found.labels_RT.shape

    def test_inputs_begin_with_bos_and_hold_no_eos(self, found):
        assert (found.inputs_RT[:, 0] == BOS).all()
        assert not torch.isin(found.inputs_RT[:, 1:], torch.tensor([*SYMBOLS.never_drawn, EOS])).any()

    def test_inputs_come_from_the_model_at_its_rate(self):
        found = draw(SCHEDULED_SAMPLING, copies=NUM_DRAWS)
        with torch.no_grad():
            log_p_V = allowed_log_p(MODEL.decode(memory_of(MODEL), torch.tensor([[BOS]]))[0, 0], SYMBOLS)
        q_V = 0.5 * torch.nn.functional.one_hot(torch.tensor(A), NUM_TOKENS) + 0.5 * log_p_V.exp()
        # a drawn EOS is replaced by the reference's word
        q_V[A] += q_V[EOS]
        q_V[EOS] = 0.0
        assert_drawn_from(found.inputs_RT[:, 1].bincount(minlength=NUM_TOKENS), q_V)

    def test_after_a_drawn_eos_the_inputs_are_the_references(self):
        words = (A, B, C, A)
        found = draw(SCHEDULED_SAMPLING, copies=500, words=words)
        plain = dataclasses.replace(SCHEDULED_SAMPLING, label="sampled")
        drawn = draw(plain, copies=500, words=words, max_tokens=5)
        own_R = [1 + len(words) - sum(keep) for keep in drawn.keep_RT.tolist()]
        assert max(own_R) > 1
        for inputs, said, own in zip(found.inputs_RT.tolist(), drawn.inputs_RT.tolist(), own_R, strict=True):
            assert inputs == [*said[: 5 - own], *(BOS, *words)[5 - own :]]

    def test_along_the_truth_it_is_maximum_likelihood(self):
        assert_same(draw(dataclasses.replace(SCHEDULED_SAMPLING, prefix="truth")), from_reference(reference_of()))


class TestErrors:
    def test_noise_on_an_unknown_reference_at_positive_alpha_forbids_everything(self):
        point = Point(reward=Reward(truth=1.0 - 1e-7, noise=1e-7), alpha=1.0, beta=0.0)
        with pytest.raises(ValueError, match="forbid every token"):
            reward = type(reward_of(point))(point.reward, torch.zeros(NUM_TOKENS))
            reference = reference_of((SYMBOLS.unk,))
            draw_targets(point, reward, MODEL, memory_of(MODEL), reference, max_tokens=3, generator=seeded(1))

    @pytest.mark.parametrize("name", ["spg_bleu", "interpolation", "all_at_once"])
    def test_a_model_that_diverged_is_an_error(self, name):
        model = tiny_model()
        with torch.no_grad():
            next(iter(model.parameters())).fill_(torch.nan)
        point, reference = POINTS[name], reference_of(copies=20)
        with pytest.raises(FloatingPointError, match="not a number"):
            draw_targets(
                point,
                reward_of(point),
                model,
                memory_of(model, 20),
                reference,
                max_tokens=MAX_TOKENS,
                generator=seeded(1),
            )
