import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo import draw_targets, enumerate_targets
from erpo_explore.erpo.e_step import allowed_log_p, categorical, entropies, log_conditional, shifted
from erpo_explore.space import Point, Reward
from erpo_explore.space.point import PREFIXES

from .tiny import (
    BOS,
    EOS,
    MAX_TOKENS,
    NUM_TOKENS,
    PAD,
    POINTS,
    POLICY_GRADIENT,
    SYMBOLS,
    UNK,
    WORDS,
    A,
    B,
    C,
    counts_of,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    targets_of,
    tiny_model,
)

INF = torch.inf
MODEL = tiny_model()
NUM_DRAWS = 20_000
SCHEDULED_SAMPLING = Point(reward=Reward(truth=0.5, model=0.5), alpha=0.0, beta=1.0, prefix="q", label="truth")


def draw(point, *, copies=1, words=WORDS, max_tokens=MAX_TOKENS, seed=1, model=MODEL):
    reference = reference_of(words, copies)
    return draw_targets(
        point,
        reward_of(point),
        model,
        memory_of(model, copies),
        reference,
        max_tokens=max_tokens,
        generator=seeded(seed),
    )


@torch.no_grad()
def model_log_p(inputs_BT):
    """log p_θ of teacher forcing over what may be said."""
    return allowed_log_p(MODEL.decode(memory_of(MODEL, len(inputs_BT)), inputs_BT), SYMBOLS)


def assert_drawn_from(counts_N, probabilities_N):
    """Chi-square of counts against probabilities; cells that expect fewer than 5 are taken together."""
    counts, expected = counts_N.numpy(), probabilities_N.double().numpy() * int(counts_N.sum())
    assert not counts[expected == 0.0].any()
    rare = expected < 5.0
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    possible = expected > 1e-9
    observed, expected = observed[possible], expected[possible]
    assert len(observed) > 1
    assert scipy.stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


class TestLogConditional:
    INCREMENTS_BV = torch.tensor([[0.0, -1.0, -INF, 0.5], [-INF, -INF, -2.0, -INF]])
    LOG_P_BV = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]).log_softmax(-1)

    @pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (0.0, 0.1), (0.5, 0.5), (1.0, 0.0), (3.0, 7.0)])
    def test_it_is_the_softmax_of_the_weighted_energies(self, alpha, beta):
        point = Point(reward=Reward(task=1.0), alpha=alpha, beta=beta)
        weights_BV = ((alpha * self.LOG_P_BV + self.INCREMENTS_BV) / (alpha + beta)).exp()
        expected_BV = weights_BV / weights_BV.sum(-1, keepdim=True)
        torch.testing.assert_close(log_conditional(point, self.INCREMENTS_BV, self.LOG_P_BV).exp(), expected_BV)

    def test_without_trust_the_model_is_not_needed(self):
        point = Point(reward=Reward(task=1.0), alpha=0.0, beta=0.3)
        without_BV = log_conditional(point, self.INCREMENTS_BV, None)
        assert torch.equal(without_BV, log_conditional(point, self.INCREMENTS_BV, self.LOG_P_BV))

    def test_policy_gradient_is_the_model(self):
        assert torch.equal(log_conditional(POLICY_GRADIENT, self.INCREMENTS_BV, self.LOG_P_BV), self.LOG_P_BV)

    def test_with_trust_the_model_is_needed(self):
        with pytest.raises(ValueError, match="alpha > 0 needs the model's log-probabilities"):
            log_conditional(Point(reward=Reward(task=1.0), alpha=0.5, beta=0.5), self.INCREMENTS_BV, None)

    def test_a_reward_that_forbids_everything_is_an_error(self):
        increments_BV = torch.tensor([[0.0, -1.0], [-INF, -INF]])
        with pytest.raises(ValueError, match="the reward forbids every token after some prefix: noise=1"):
            log_conditional(Point(reward=Reward(noise=1.0)), increments_BV, None)

    def test_a_reward_and_a_model_that_forbid_everything_together_are_an_error(self):
        point = Point(reward=Reward(truth=1.0), alpha=1.0, beta=0.0)
        with pytest.raises(ValueError, match="every token"):
            log_conditional(point, torch.tensor([[0.0, -INF]]), torch.tensor([[-INF, 0.0]]))

    @given(
        st.floats(-4.0, 4.0),
        st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0.0, 1.0),
        st.lists(st.floats(-50.0, 1.0) | st.just(-math.inf), min_size=3, max_size=3),
        st.lists(st.floats(-50.0, 50.0), min_size=4, max_size=4),
    )
    def test_at_every_temperature_it_is_a_distribution(self, log10_tau, rho, increments, logits):
        tau = 10.0**log10_tau
        point = Point(reward=Reward(task=1.0), alpha=rho * tau, beta=(1.0 - rho) * tau)
        increments_BV = torch.tensor([[0.0, *increments]])
        log_q_BV = log_conditional(point, increments_BV, torch.tensor([logits]).log_softmax(-1))
        assert not log_q_BV.isnan().any()
        assert float(log_q_BV.exp().sum()) == pytest.approx(1.0, abs=1e-5)
        assert (log_q_BV[increments_BV == -INF] == -INF).all()


class TestPieces:
    def test_inputs_begin_with_bos_and_lag_one_token(self):
        tokens_BT = torch.tensor([[A, B, EOS], [C, EOS, PAD]])
        assert shifted(tokens_BT, SYMBOLS).tolist() == [[BOS, A, B], [BOS, C, EOS]]

    def test_the_model_may_say_words_and_eos(self):
        log_p_BV = allowed_log_p(torch.zeros(2, NUM_TOKENS), SYMBOLS)
        assert log_p_BV.exp().tolist() == [pytest.approx([0.0, 0.0, 0.25, 0.0, 0.25, 0.25, 0.25])] * 2

    def test_draws_have_their_probabilities(self):
        q_V = torch.tensor([0.1, 0.0, 0.6, 0.3])
        drawn_B = categorical(q_V.log().expand(NUM_DRAWS, -1), seeded(1))
        assert_drawn_from(drawn_B.bincount(minlength=4), q_V)

    def test_draws_of_any_shape_are_independent(self):
        drawn_BT = categorical(torch.full((NUM_DRAWS, 2, 2), 0.5).log(), seeded(2))
        assert drawn_BT.shape == (NUM_DRAWS, 2)
        assert_drawn_from((drawn_BT[:, 0] * 2 + drawn_BT[:, 1]).bincount(minlength=4), torch.full((4,), 0.25))

    @pytest.mark.parametrize(
        ("probabilities", "nats"),
        [([1.0, 0.0, 0.0, 0.0], 0.0), ([0.5, 0.5, 0.0, 0.0], math.log(2.0)), ([0.25] * 4, math.log(4.0))],
    )
    def test_entropy_is_in_nats_and_0_where_nothing_is_open(self, probabilities, nats):
        assert entropies(torch.tensor([probabilities]).log()).tolist() == [pytest.approx(nats)]


class TestFrequencies:
    @pytest.mark.parametrize(("name", "max_tokens"), [*((name, 3) for name in POINTS), ("halfway_rouge", 4)])
    def test_targets_are_drawn_with_their_exact_probability(self, name, max_tokens):
        point = POINTS[name]
        exact = enumerate_targets(point, reward_of(point), MODEL, memory_of(MODEL), reference_of(), max_tokens)
        drawn_BL = targets_of(draw(point, copies=NUM_DRAWS, max_tokens=max_tokens), max_tokens)
        assert_drawn_from(counts_of(drawn_BL, exact.tokens_NL), exact.log_q_token_N.exp())

    @pytest.mark.parametrize(
        "point", [POLICY_GRADIENT, dataclasses.replace(POINTS["raml_edit"], prefix="model")], ids=["pg", "model_prefix"]
    )
    def test_the_models_own_targets_are_drawn_with_its_probability(self, point):
        any_point = POINTS["raml_bleu"]
        exact = enumerate_targets(any_point, reward_of(any_point), MODEL, memory_of(MODEL), reference_of(), MAX_TOKENS)
        # one token more, since only the inputs tell what a model prefix said
        drawn = draw(point, copies=NUM_DRAWS, max_tokens=MAX_TOKENS + 1)
        said_BL, alive_BL = drawn.inputs_BT[:, 1:], (drawn.inputs_BT[:, :-1] != EOS).cumprod(1).bool()
        said_BL = said_BL.masked_fill(~alive_BL, PAD)
        assert_drawn_from(counts_of(said_BL, exact.tokens_NL), exact.log_p_N.exp())

    @pytest.mark.parametrize("prefix", ["truth", "model"])
    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "noising", "interpolation"])
    def test_labels_are_drawn_from_q_after_each_prefix(self, name, prefix):
        point = dataclasses.replace(POINTS[name], prefix=prefix)
        # the expected label is q itself, after the same prefixes where the seed is the same
        labels_B = draw(point, copies=NUM_DRAWS).labels_BT[:, 0]
        log_q_V = draw(dataclasses.replace(point, label="expected")).log_q_BTV[0, 0]
        assert_drawn_from(labels_B.bincount(minlength=NUM_TOKENS), log_q_V.exp())

    @pytest.mark.parametrize("t", [1, 2])
    @pytest.mark.parametrize("name", ["raml_edit", "halfway_rouge", "noising", "interpolation"])
    def test_along_the_truth_every_place_has_its_own_q(self, name, t):
        point = dataclasses.replace(POINTS[name], prefix="truth")
        labels_B = draw(point, copies=NUM_DRAWS).labels_BT[:, t]
        log_q_V = draw(dataclasses.replace(point, label="expected")).log_q_BTV[0, t]
        assert_drawn_from(labels_B.bincount(minlength=NUM_TOKENS), log_q_V.exp())


class TestTruth:
    @pytest.mark.parametrize("alpha", [0.0, 1.0])
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_at_the_corner_of_truth_the_reference_is_the_draw(self, alpha, prefix):
        found = draw(Point(reward=Reward(truth=1.0), alpha=alpha, beta=1.0, prefix=prefix))
        assert found.inputs_BT.tolist() == [[BOS, *WORDS]]
        assert found.labels_BT.tolist() == [[*WORDS, EOS]]
        assert (found.log_q_BTV, found.entropy_nats, found.reward_B) == (None, None, None)

    def test_nothing_is_drawn(self):
        generator = seeded(3)
        before = generator.get_state()
        point = Point(reward=Reward(truth=1.0))
        draw_targets(
            point, reward_of(point), MODEL, memory_of(MODEL), reference_of(), max_tokens=3, generator=generator
        )
        assert torch.equal(generator.get_state(), before)


class TestAlongTruth:
    @pytest.mark.parametrize("name", POINTS)
    def test_inputs_are_the_references(self, name):
        found = draw(dataclasses.replace(POINTS[name], prefix="truth"), copies=3)
        assert found.inputs_BT.tolist() == [[BOS, *WORDS]] * 3
        assert found.keep_BT.all()

    @pytest.mark.parametrize("name", POINTS)
    def test_q_is_that_of_each_prefix_alone(self, name):
        point = dataclasses.replace(POINTS[name], prefix="truth", label="expected")
        reward, reference = reward_of(point), reference_of()
        log_p_TV = model_log_p(shifted(reference.tokens_BT, SYMBOLS))[0]
        state = reward.begin(reference)
        for t, token in enumerate((*WORDS, EOS)):
            expected_BV = log_conditional(point, reward.increments(state, log_p_TV[None, t]), log_p_TV[None, t])
            torch.testing.assert_close(draw(point).log_q_BTV[:, t], expected_BV)
            state = reward.advance(state, torch.tensor([token]))

    def test_the_entropy_is_the_mean_over_the_reference(self):
        point = dataclasses.replace(POINTS["halfway_rouge"], prefix="truth", label="expected")
        found = draw(point)
        assert found.entropy_nats == pytest.approx(float(entropies(found.log_q_BTV).mean()))


class TestAlongDraws:
    @pytest.fixture(params=POINTS)
    def found(self, request):
        return draw(POINTS[request.param], copies=200)

    def test_a_label_is_the_next_input(self, found):
        behind_BT = found.keep_BT[:, 1:]
        assert torch.equal(found.inputs_BT[:, 1:][behind_BT], found.labels_BT[:, :-1][behind_BT])
        assert (found.inputs_BT[:, 0] == BOS).all()

    def test_what_is_kept_ends_with_eos_or_is_cut(self, found):
        for labels, keep in zip(found.labels_BT.tolist(), found.keep_BT.tolist(), strict=True):
            kept = labels[: sum(keep)]
            assert keep == [True] * len(kept) + [False] * (len(keep) - len(kept))
            assert EOS not in kept[:-1]
            assert kept[-1] == EOS or len(kept) == MAX_TOKENS

    def test_no_special_token_but_eos_is_said(self, found):
        assert not torch.isin(found.labels_BT[found.keep_BT], torch.tensor(SYMBOLS.never_drawn)).any()

    @pytest.mark.parametrize("name", POINTS)
    def test_the_reward_is_that_of_the_enumeration(self, name):
        point = POINTS[name]
        exact = enumerate_targets(point, reward_of(point), MODEL, memory_of(MODEL), reference_of(), MAX_TOKENS)
        found = draw(point, copies=50)
        value_of = dict(zip(map(tuple, exact.tokens_NL.tolist()), exact.reward_N.tolist(), strict=True))
        expected = [value_of[tuple(row)] for row in targets_of(found).tolist()]
        assert found.reward_B.tolist() == pytest.approx(expected, abs=1e-4)

    def test_the_expected_label_is_q_after_what_was_drawn(self):
        point = dataclasses.replace(POINTS["spg_bleu"], label="expected")
        found, sampled = draw(point, copies=50), draw(POINTS["spg_bleu"], copies=50)
        assert torch.equal(found.inputs_BT, sampled.inputs_BT)
        assert sampled.log_q_BTV is None
        kept_BTV = found.log_q_BTV[found.keep_BT]
        torch.testing.assert_close(kept_BTV.exp().sum(-1), torch.ones(len(kept_BTV)))

    def test_an_unknown_word_of_the_reference_is_said_where_it_is_the_truth(self):
        point = Point(reward=Reward(truth=0.9, noise=0.1))
        found = draw(point, copies=200, words=(A, UNK))
        assert set(found.labels_BT[:, 1].tolist()) >= {UNK}
        assert UNK not in found.labels_BT[:, 0].tolist()

    def test_sampling_leaves_no_gradient(self):
        found = draw(dataclasses.replace(POINTS["spg_bleu"], label="expected"))
        assert not (found.log_q_BTV.requires_grad or found.reward_B.requires_grad)


class TestRowsOfABatch:
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_a_shorter_reference_is_not_disturbed_by_a_longer_one(self, prefix):
        point = dataclasses.replace(POINTS["raml_edit"], prefix=prefix, label="expected", beta=0.05)
        tokens_BT = torch.tensor([[A, EOS, PAD, PAD], [A, B, C, EOS]])
        reference = dataclasses.replace(reference_of(), tokens_BT=tokens_BT, keep_BT=tokens_BT != PAD)
        found = draw_targets(
            point,
            reward_of(point),
            MODEL,
            memory_of(MODEL, 2),
            reference,
            max_tokens=6,
            generator=seeded(1),
        )
        for row, words in enumerate([(A,), (A, B, C)]):
            alone = draw(point, words=words, max_tokens=6)
            torch.testing.assert_close(found.log_q_BTV[row, 0], alone.log_q_BTV[0, 0])
            # at this temperature q is nearly the reference, so rows end where their own reference does
            assert int(found.keep_BT[row].sum()) == len(words) + 1 or prefix == "model"


class TestScheduledSampling:
    @pytest.fixture
    def found(self):
        return draw(SCHEDULED_SAMPLING, copies=500)

    def test_the_label_is_the_truth(self, found):
        assert found.labels_BT.tolist() == [[*WORDS, EOS]] * 500
        assert found.keep_BT.all()
        assert found.log_q_BTV is None

    @pytest.mark.parametrize("max_tokens", [1, 2, 3, 9])
    def test_the_draw_has_the_references_length(self, max_tokens):
        found = draw(SCHEDULED_SAMPLING, copies=20, max_tokens=max_tokens)
        assert found.inputs_BT.shape == found.labels_BT.shape == found.keep_BT.shape == (20, 3)

    def test_inputs_begin_with_bos_and_hold_no_end(self, found):
        assert (found.inputs_BT[:, 0] == BOS).all()
        assert not torch.isin(found.inputs_BT[:, 1:], torch.tensor([*SYMBOLS.never_drawn, EOS])).any()

    def test_behind_a_drawn_end_the_inputs_are_the_references(self):
        # with max_tokens=1 only the first token is drawn; the second input is the reference's own word or that draw
        found = draw(SCHEDULED_SAMPLING, copies=500, max_tokens=1)
        assert (found.inputs_BT[:, 2] == WORDS[1]).all()

    def test_an_input_is_the_models_at_its_rate(self):
        found = draw(SCHEDULED_SAMPLING, copies=NUM_DRAWS)
        q_V = (
            0.5 * torch.nn.functional.one_hot(torch.tensor(A), NUM_TOKENS)
            + 0.5 * model_log_p(torch.tensor([[BOS]]))[0, 0].exp()
        )
        # a drawn end is replaced by the reference's own word
        q_V[A] += q_V[EOS]
        q_V[EOS] = 0.0
        assert_drawn_from(found.inputs_BT[:, 1].bincount(minlength=NUM_TOKENS), q_V)

    def test_along_the_truth_it_is_maximum_likelihood(self):
        found = draw(dataclasses.replace(SCHEDULED_SAMPLING, prefix="truth"))
        assert found.inputs_BT.tolist() == [[BOS, *WORDS]]
        assert found.labels_BT.tolist() == [[*WORDS, EOS]]


class TestRandomness:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("name", POINTS)
    def test_the_same_seed_draws_the_same(self, name, prefix):
        point = dataclasses.replace(POINTS[name], prefix=prefix)
        one, other = (draw(point, copies=20, seed=5) for _ in range(2))
        assert torch.equal(one.inputs_BT, other.inputs_BT)
        assert torch.equal(one.labels_BT, other.labels_BT)
        assert one.entropy_nats == other.entropy_nats

    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_another_seed_draws_something_else(self, prefix):
        point = dataclasses.replace(POINTS["halfway_rouge"], prefix=prefix)
        one, other = (draw(point, copies=50, seed=seed).labels_BT for seed in (1, 2))
        assert one.shape != other.shape or not torch.equal(one, other)

    def test_the_global_generator_is_not_moved(self):
        before = torch.random.get_rng_state()
        draw(POINTS["all_at_once"], copies=20)
        assert torch.equal(torch.random.get_rng_state(), before)


class TestWhatIsSkipped:
    @pytest.mark.parametrize("name", ["raml_bleu", "raml_edit", "noising", "noise"])
    @pytest.mark.parametrize("prefix", ["truth", "q"])
    def test_without_trust_and_model_weight_the_model_is_not_asked(self, name, prefix, monkeypatch):
        model = tiny_model()
        monkeypatch.setattr(model, "step", None)
        monkeypatch.setattr(model, "decode", None)
        draw(dataclasses.replace(POINTS[name], prefix=prefix), model=model)

    def test_along_the_truth_the_model_is_asked_once(self, monkeypatch):
        model = tiny_model()
        calls, decode = [], model.decode
        monkeypatch.setattr(model, "step", None)
        monkeypatch.setattr(model, "decode", lambda *args: calls.append(1) or decode(*args))
        draw(dataclasses.replace(POINTS["spg_bleu"], prefix="truth"), model=model)
        assert len(calls) == 1
