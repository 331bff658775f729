"""The oracles on values that are computed by hand."""

import math

import pytest

from .oracles import POTENTIAL, SYMBOLS, bleu, bleu_potential, bleu_prefix, edit, edit_potential, rouge

A, B, C = 4, 5, 6
UNK = SYMBOLS.unk


@pytest.mark.parametrize("metric", [bleu, rouge])
def test_the_reference_has_the_full_score(metric):
    assert metric([A, B, C, A, B], [A, B, C, A, B]) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", [bleu, rouge])
def test_two_unknown_words_do_not_match(metric):
    assert metric([UNK, UNK], [UNK, UNK]) == 0.0


@pytest.mark.parametrize(
    ("hypothesis", "reference", "distance"),
    [
        ([], [A, B], 2),
        ([A, B], [], 2),
        ([A, C], [A, B], 1),
        ([B, A], [A, B], 2),
        ([A, A, B], [A, B], 1),
        ([UNK], [UNK], 1),
    ],
)
def test_the_edit_distance_counts_edits(hypothesis, reference, distance):
    assert edit(hypothesis, reference) == -distance


@pytest.mark.parametrize(("prefix", "distance"), [([], 0), ([A], 0), ([B], 1), ([A, B, C], 0), ([A, B, C, C], 1)])
def test_the_edit_potential_is_that_of_the_best_completion(prefix, distance):
    assert edit_potential(prefix, [A, B, C]) == -distance


def test_for_an_exact_prefix_bleu_and_its_potential_differ_by_the_brevity_penalty():
    assert bleu([A], [A, B]) == pytest.approx(bleu_potential([A], [A, B]) * math.exp(-1.0))


@pytest.mark.parametrize(
    ("prefix", "value"),
    [
        ([A], 1.0),
        # one word of one, none of one pair, which is (beginning, B)
        ([B], (1 / 1 * 1 / 2) ** 0.25),
        # two of two words, one of two pairs, neither triple
        ([B, C], (2 / 2 * 2 / 3 * 1 / 2) ** 0.25),
    ],
)
def test_the_bleu_of_a_prefix_counts_the_beginning_of_the_sentence(prefix, value):
    assert bleu_potential(prefix, [A, B, C]) == pytest.approx(value)


@pytest.mark.parametrize("potential", POTENTIAL.values())
def test_the_empty_prefix_has_potential_0(potential):
    assert potential([], [A, B]) == 0.0


@pytest.mark.parametrize(
    ("hypothesis", "value"),
    [
        ([A, B, C, A, B], 1.0),
        # 4 of 4 words, 2 of 3 pairs, 1 of 2 triples, no quadruple; one word short, and it ends early
        ([A, B, C, B], math.exp(-0.25) * (5 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25 - 1.0),
        ([], -1.0),
    ],
)
def test_the_bleu_of_the_papers_code_by_hand(hypothesis, value):
    assert bleu_prefix(hypothesis, [A, B, C, A, B]) == pytest.approx(value)
