import functools
import itertools
import math
from collections import Counter, defaultdict

import pytest
import torch

from erpo_explore.erpo.edit_sampler import edit_numbers, sample_edits
from tests.rewards.oracles import edit

from .frequencies import assert_targets_drawn_from
from .tiny import BOS, EOS, PAD, UNK, A, B, C, seeded
from .worlds import copied, drawn_targets, padded

NUM_DRAWS = 8_000
MOST_MORE = 5
"""A row of m words gets at most m + 5 insertions."""


def scripts(words, num_words, max_insertions):
    """Every script of edits as (target, s, i), step by step as the module's docstring defines it."""
    vocabulary = range(A, A + num_words)
    for s in range(len(words) + 1):
        for substituted in itertools.combinations(range(len(words)), s):
            stays = [position for position in range(len(words)) if position not in substituted]
            for i in range(max_insertions + 1):
                anchors = itertools.combinations_with_replacement([-1, *stays], i)
                for after, replacements, inserted in itertools.product(
                    anchors, itertools.product(vocabulary, repeat=s), itertools.product(vocabulary, repeat=i)
                ):
                    exchange = dict(zip(substituted, replacements, strict=True))
                    yield _result(words, exchange, list(zip(after, inserted, strict=True))), s, i


def _result(words, exchange, insertions):
    target = [word for anchor, word in insertions if anchor == -1]
    for position, word in enumerate(words):
        if position not in exchange:
            target.append(word)
        elif exchange[position] != word:  # a word exchanged for itself is a deletion
            target.append(exchange[position])
        target += [inserted for anchor, inserted in insertions if anchor == position]
    return (*target, EOS)


@functools.cache
def _script_counts(words, num_words):
    """For each target, the number of scripts that lead to it, by their number of edits."""
    counts = defaultdict(Counter)
    for target, s, i in scripts(words, num_words, len(words) + MOST_MORE):
        counts[target][s + i] += 1
    return counts


def probabilities(words, num_words, temperature):
    """P(y) of each target, summed over the scripts that lead to it."""
    weight = {
        target: math.fsum(count * math.exp(-edits / temperature) for edits, count in by_edits.items())
        for target, by_edits in _script_counts(words, num_words).items()
    }
    total = math.fsum(weight.values())
    return {target: value / total for target, value in weight.items()}


def drawn(words, temperature, *neighbours, num_words, copies=NUM_DRAWS):
    return sample_edits(copied(words, copies, *neighbours, num_words=num_words), temperature, seeded(1))


class TestNumbers:
    @pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
    @pytest.mark.parametrize("num_words", [1, 2, 3])
    def test_edit_numbers_are_weighted_by_their_count_of_scripts(self, num_words, temperature):
        found_RSI = edit_numbers(torch.tensor([0, 1, 2]), num_words, temperature, 3, 2)
        assert found_RSI.shape == (3, 3, 4)
        for m in range(3):
            count_SI = torch.zeros(3, 4, dtype=torch.float64)
            for _, s, i in scripts((A,) * m, num_words, 3):
                count_SI[s, i] += math.exp(-(s + i) / temperature)
            torch.testing.assert_close(found_RSI[m].double(), count_SI / count_SI.sum(), rtol=1e-5, atol=1e-7)

    def test_counts_stay_finite_for_long_references_and_large_vocabularies(self):
        found_RSI = edit_numbers(torch.tensor([400, 0]), 50_000, 0.1, 404, 400)
        assert found_RSI.isfinite().all()
        assert found_RSI.flatten(1).sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
        assert not found_RSI[1, 1:].any()


class TestTargets:
    @pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
    @pytest.mark.parametrize("words", [(), (A,), (A, B), (A, A), (UNK, B), (B, UNK)])
    def test_every_target_has_the_probability_of_its_scripts(self, words, temperature):
        found = drawn(words, temperature, num_words=2)
        assert_targets_drawn_from(drawn_targets(found), probabilities(words, 2, temperature))

    def test_longer_targets_have_the_probability_of_their_scripts(self):
        found = drawn((A, B), 0.6, num_words=3)
        assert_targets_drawn_from(drawn_targets(found), probabilities((A, B), 3, 0.6))

    @pytest.mark.parametrize("words", [(), (A,), (B, A)])
    def test_a_row_does_not_depend_on_longer_rows(self, words):
        found = drawn(words, 3.0, (A, B, A, B, A, B), num_words=2)
        assert_targets_drawn_from(drawn_targets(found), probabilities(words, 2, 3.0))

    def test_a_temperature_near_0_gives_the_reference(self):
        reference = padded((A, B, C), (), (UNK, A), (C, C, C, C))
        found = sample_edits(reference, 1e-3, seeded(1))
        assert torch.equal(found.labels_RT.masked_fill(~found.keep_RT, PAD), reference.tokens_BT)

    def test_an_unknown_word_is_kept_or_replaced_but_never_drawn(self):
        found = drawn((UNK, A), 0.5, num_words=2)
        assert {target.count(UNK) for target in drawn_targets(found)} == {0, 1}

    def test_no_special_token_is_drawn(self):
        found = drawn((A, B), 2.0, num_words=2)
        assert set(found.labels_RT[found.keep_RT].tolist()) == {A, B, EOS}
        assert not torch.isin(found.labels_RT, torch.tensor([UNK, BOS])).any()


class TestDraw:
    def test_a_target_has_eos_and_shifted_inputs(self):
        found = drawn((A, B), 1.0, num_words=3, copies=300)
        assert found.finished_R.all()
        for inputs, labels, keep in zip(
            found.inputs_RT.tolist(), found.labels_RT.tolist(), found.keep_RT.tolist(), strict=True
        ):
            length = labels.index(EOS) + 1
            assert keep == [position < length for position in range(len(labels))]
            assert labels[length:] == [PAD] * (len(labels) - length)
            assert inputs == [BOS, *labels[:-1]]

    def test_the_same_seed_gives_the_same_draws(self):
        one, other = (drawn((A, B, C), 1.0, num_words=3, copies=50).labels_RT for _ in range(2))
        assert torch.equal(one, other)


@functools.cache
def _distances(words, longest):
    targets = (y for length in range(longest + 1) for y in itertools.product((A, B, C), repeat=length))
    return {(*y, EOS): -edit(y, words) for y in targets}


@pytest.mark.parametrize(("temperature", "distance"), [(0.15, 0.003), (0.3, 0.07), (0.5, 0.21)])
def test_the_distance_from_the_exact_payoff_is_as_documented(temperature, distance):
    words = (A, B)
    drawn_y = probabilities(words, 3, temperature)
    exact_y = {y: math.exp(-edits / temperature) for y, edits in _distances(words, 7).items()}
    total = math.fsum(exact_y.values())
    found = 0.5 * math.fsum(abs(drawn_y.get(y, 0.0) - exact_y.get(y, 0.0) / total) for y in {*drawn_y, *exact_y})
    assert found == pytest.approx(distance, rel=0.2)
