import dataclasses
import itertools
from math import prod

import pytest
import torch

from erpo_explore.erpo import draw_targets
from erpo_explore.erpo.noising import is_noising, sample_noised
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.space import Estimator, Point, Reward

from .frequencies import assert_drawn_from, assert_same_frequencies, assert_targets_drawn_from
from .tiny import (
    BOS,
    EOS,
    MAX_TOKENS,
    NUM_TOKENS,
    UNIGRAM_V,
    UNK,
    A,
    B,
    C,
    memory_of,
    reward_of,
    seeded,
    tiny_model,
)
from .worlds import copied, drawn_targets, padded

NUM_DRAWS = 8_000
MODEL = tiny_model()
NOISING = Point(reward=Reward(truth=0.7, noise=0.3))
UNIFORM = Point(reward=Reward(truth=0.5, noise=0.5, noise_kind="uniform"))
BLANK = Point(reward=Reward(truth=0.6, noise=0.4, noise_kind="blank"), label="truth")
MIXED = padded((A, B), (C,), (B, UNK, A), ())


def q_of(point, truth):
    """The module's equation for one position."""
    u_V = {
        "unigram": UNIGRAM_V,
        "uniform": torch.tensor([0.0] * 4 + [1.0 / 3.0] * 3),
        "blank": torch.nn.functional.one_hot(torch.tensor(UNK), NUM_TOKENS).float(),
    }[point.reward.noise_kind]
    return point.reward.truth * torch.nn.functional.one_hot(torch.tensor(truth), NUM_TOKENS) + point.reward.noise * u_V


def target_probabilities(point, words, max_tokens):
    """P(y) of every target, as a product over its positions."""
    truths = [*words, *[EOS] * max_tokens][:max_tokens]
    found = {}
    for labels in itertools.product((A, B, C, UNK, EOS), repeat=max_tokens):
        target = labels[: labels.index(EOS) + 1] if EOS in labels else labels
        found[target] = prod(float(q_of(point, truth)[v]) for v, truth in zip(target, truths, strict=False))
    return found


def draw(point, reference, max_tokens=MAX_TOKENS, seed=1):
    return sample_noised(point, reward_of(point), reference, max_tokens=max_tokens, generator=seeded(seed))


class TestWhichPoints:
    @pytest.mark.parametrize(
        ("point", "expected"),
        [
            (NOISING, True),
            (BLANK, True),
            (Point(reward=Reward(noise=1.0)), True),
            (dataclasses.replace(NOISING, prefix="truth"), True),
            (dataclasses.replace(NOISING, label="expected"), True),
            (dataclasses.replace(NOISING, prefix="model"), False),
            (dataclasses.replace(NOISING, beta=0.5), False),
            (dataclasses.replace(NOISING, alpha=0.5, beta=0.5), False),
            (Point(reward=Reward(truth=0.9, task=0.1)), False),
            (Point(reward=Reward(truth=0.9, model=0.1)), False),
        ],
    )
    def test_noising_points_have_independent_positions(self, point, expected):
        assert is_noising(point) is expected


class TestTargets:
    @pytest.mark.parametrize("words", [(A, B), (C,), (B, UNK), ()])
    @pytest.mark.parametrize("point", [NOISING, UNIFORM], ids=["unigram", "uniform"])
    def test_targets_have_the_product_of_their_positions_probabilities(self, point, words):
        found = draw(point, copied(words, NUM_DRAWS, (A, A)), max_tokens=4)
        assert_targets_drawn_from(drawn_targets(found), target_probabilities(point, words, 4))

    @pytest.mark.parametrize("words", [(A, B), (C,)])
    def test_targets_equal_the_sequential_samplers_in_distribution(self, words):
        reference = copied(words, NUM_DRAWS, (A, A))
        memory = memory_of(MODEL, NUM_DRAWS)
        proposal = Proposal(point=NOISING, reward=reward_of(NOISING), model=MODEL)
        one = drawn_targets(draw(NOISING, reference, max_tokens=4))
        other = drawn_targets(sample(proposal, memory, reference, max_tokens=4, generator=seeded(2)))
        index = {target: n for n, target in enumerate(sorted({*one, *other}))}
        counts = [torch.tensor([index[y] for y in drawn]).bincount(minlength=len(index)) for drawn in (one, other)]
        assert_same_frequencies(*counts)

    def test_inputs_are_the_shifted_labels_and_a_row_ends_or_is_cut(self):
        found = draw(NOISING, MIXED.take(torch.arange(4).repeat_interleave(100)), max_tokens=4)
        for inputs, labels, keep, finished in zip(
            found.inputs_RT.tolist(),
            found.labels_RT.tolist(),
            found.keep_RT.tolist(),
            found.finished_R.tolist(),
            strict=True,
        ):
            length = sum(keep)
            assert keep == [position < length for position in range(len(keep))]
            assert inputs[:length] == [BOS, *labels[: length - 1]]
            assert finished is (labels[length - 1] == EOS)
            assert finished or length == 4
            assert EOS not in labels[: length - 1]

    def test_q_is_that_of_each_label(self):
        found = draw(NOISING, MIXED.take(torch.arange(4).repeat_interleave(20)), max_tokens=6)
        for row, t in found.keep_RT.nonzero().tolist():
            truth = [*[(A, B), (C,), (B, UNK, A), ()][row // 20], *[EOS] * 6][t]
            label = int(found.labels_RT[row, t])
            assert float(found.q_RT[row, t]) == pytest.approx(float(q_of(NOISING, truth)[label]))

    def test_a_mixture_is_normalised_so_its_z_is_1(self):
        found = draw(NOISING, MIXED)
        assert found.log_z_R.tolist() == [0.0] * 4


class TestAlongTheTruth:
    POINT = dataclasses.replace(NOISING, prefix="truth")

    def test_inputs_are_the_reference_and_labels_are_drawn_from_q(self):
        found = draw(self.POINT, copied((A, B), NUM_DRAWS))
        assert (found.inputs_RT == torch.tensor([BOS, A, B])).all()
        for t, truth in enumerate((A, B, EOS)):
            assert_drawn_from(found.labels_RT[:, t].bincount(minlength=NUM_TOKENS), q_of(self.POINT, truth))

    def test_as_many_labels_are_kept_as_the_reference_has(self):
        found = draw(self.POINT, MIXED, max_tokens=4)
        assert torch.equal(found.keep_RT, MIXED.keep_BT)
        assert found.finished_R.all()


class TestExpectedLabels:
    @pytest.mark.parametrize("prefix", ["q", "truth"])
    @pytest.mark.parametrize("point", [NOISING, UNIFORM], ids=["unigram", "uniform"])
    def test_soft_labels_follow_the_equation_at_each_position(self, point, prefix):
        point = dataclasses.replace(point, prefix=prefix, label="expected")
        found = draw(point, MIXED, max_tokens=4)
        kept = found.soft_labels.kept(found.kept_N)
        q_NV = -kept.subtracted_from(torch.zeros(int(found.keep_RT.sum()), NUM_TOKENS))
        for q_V, (row, t) in zip(q_NV, found.keep_RT.nonzero().tolist(), strict=True):
            truth = [*[(A, B), (C,), (B, UNK, A), ()][row], *[EOS] * 4][t]
            torch.testing.assert_close(q_V, q_of(point, truth))

    def test_sampled_labels_have_no_soft_labels(self):
        assert draw(NOISING, MIXED).soft_labels is None


class TestBlanks:
    def found(self, words, copies):
        reference = copied(words, copies)
        return draw_targets(
            BLANK, reward_of(BLANK), MODEL, memory_of(MODEL, copies), reference, max_tokens=9, generator=seeded(1)
        )

    def test_a_blank_is_an_input_at_its_rate_and_the_label_is_the_truth(self):
        found = self.found((A, B), NUM_DRAWS)
        assert (found.labels_RT == torch.tensor([A, B, EOS])).all()
        assert found.keep_RT.all()
        assert (found.inputs_RT[:, 0] == BOS).all()
        for t, truth in enumerate((A, B), start=1):
            assert_drawn_from(found.inputs_RT[:, t].bincount(minlength=NUM_TOKENS), q_of(BLANK, truth))

    def test_positions_are_blanked_independently(self):
        blank_RT = self.found((A, B), NUM_DRAWS).inputs_RT[:, 1:] == UNK
        counts = (blank_RT[:, 0] * 2 + blank_RT[:, 1]).bincount(minlength=4)
        assert_drawn_from(counts, torch.tensor([0.36, 0.24, 0.24, 0.16]))


class TestForced:
    @pytest.mark.parametrize(("forced", "num_forced"), [(0.0, 0), (0.1, 1), (0.5, 2), (0.7, 3), (1.0, 4)])
    def test_a_target_begins_with_the_forced_share_of_the_reference(self, forced, num_forced):
        point = dataclasses.replace(NOISING, forced=forced)
        words = (A, B, C)
        found = draw(point, copied(words, NUM_DRAWS), max_tokens=5)
        if num_forced == 0:
            assert found.forced_RT is None
        else:
            assert (found.forced_RT.sum(1) == num_forced).all()
            assert (found.labels_RT[:, :num_forced] == torch.tensor([*words, EOS])[:num_forced]).all()
        truths = [*words, EOS, EOS]
        if num_forced < 4:
            at_R = found.keep_RT[:, num_forced]
            drawn = found.labels_RT[at_R, num_forced].bincount(minlength=NUM_TOKENS)
            assert_drawn_from(drawn, q_of(point, truths[num_forced]))

    def test_the_forced_share_is_per_row(self):
        found = draw(dataclasses.replace(NOISING, forced=0.5), MIXED, max_tokens=9)
        assert found.forced_RT.sum(1).tolist() == [2, 1, 2, 1]


def test_log_z_is_0_for_sequence_weights():
    point = dataclasses.replace(NOISING, estimator=Estimator(kind="sequence", samples=2))
    found = draw_targets(point, reward_of(point), MODEL, memory_of(MODEL, 4), MIXED, max_tokens=9, generator=seeded(1))
    assert found.log_z_R.tolist() == [0.0] * 4
