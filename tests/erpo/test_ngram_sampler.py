import itertools
import math
from collections import defaultdict

import pytest
import sacrebleu
import torch

from erpo_explore.erpo.ngram_sampler import ngram_candidates, sample_ngram_replacements
from erpo_explore.rewards import MixtureReward
from erpo_explore.space import Reward
from tests.rewards import oracles

from .frequencies import assert_targets_drawn_from
from .tiny import BOS, EOS, PAD, UNIGRAM_V, UNK, A, B, C, seeded
from .worlds import copied, drawn_targets, padded

NUM_DRAWS = 8_000


def chrf_value(words, reference):
    """sacrebleu's sentence BLEU of the same words."""
    return sacrebleu.sentence_chrf(text_of(words), [text_of(reference)]).score / 100.0


def text_of(words):
    return " ".join(f"word{word}" for word in words if word > EOS)


def metric_of(name, temperature=1.0):
    return MixtureReward(Reward(task=1.0, metric=name, temperature=temperature), UNIGRAM_V, text_of)


def candidate_probabilities(words, num_words=3):
    """n ~ U{1, …, min(4, m)}, a position ~ U, n words ~ U."""
    vocabulary = range(A, A + num_words)
    found = defaultdict(float)
    longest = min(4, len(words))
    for n in range(1, longest + 1):
        starts = range(len(words) - n + 1)
        for first, drawn in itertools.product(starts, itertools.product(vocabulary, repeat=n)):
            target = (*words[:first], *drawn, *words[first + n :], EOS)
            found[target] += 1.0 / (longest * len(starts) * num_words**n)
    return dict(found) if words else {(EOS,): 1.0}


def draw_probabilities(words, num_candidates, value, temperature):
    """Averaged over all sets of candidates, of which the first is the reference."""
    candidates = candidate_probabilities(words)
    found = defaultdict(float)
    for others in itertools.product(candidates, repeat=num_candidates - 1):
        chance = math.prod(candidates[y] for y in others)
        weights = {k: math.exp(value(y[:-1], words) / temperature) for k, y in enumerate(((*words, EOS), *others))}
        for k, y in enumerate(((*words, EOS), *others)):
            found[y] += chance * weights[k] / sum(weights.values())
    return dict(found)


def draw(reward, reference, num_candidates=2, temperature=1.0, seed=1):
    return sample_ngram_replacements(
        reward, reference, num_candidates=num_candidates, temperature=temperature, generator=seeded(seed)
    )


class TestCandidates:
    @pytest.mark.parametrize(
        ("words", "num_words"), [((A,), 3), ((A, B), 3), ((C, C, A), 3), ((A, UNK, B), 3), ((A, B, A, B, A, A), 2)]
    )
    def test_lengths_positions_and_words_are_uniform(self, words, num_words):
        reference = copied(words, NUM_DRAWS, (A,) * 7, num_words=num_words)
        tokens_NT = ngram_candidates(reference, seeded(1))
        drawn = [tuple(row[: len(words) + 1]) for row in tokens_NT.tolist()]
        assert_targets_drawn_from(drawn, candidate_probabilities(words, num_words))

    def test_eos_and_padding_are_never_replaced(self):
        reference = padded((A, B), (), (C, C, C, C, C))
        tokens_NT = ngram_candidates(reference, seeded(1))
        assert torch.equal(tokens_NT[~reference.words_BT], reference.tokens_BT[~reference.words_BT])

    def test_at_most_four_adjacent_words_are_replaced(self):
        words = (UNK,) * 9  # never drawn, so that every change shows
        tokens_NT = ngram_candidates(copied(words, 2_000), seeded(1))
        changed_NT = tokens_NT != UNK
        first_N, last_N = changed_NT.int().argmax(1), 9 - changed_NT[:, :9].int().flip(1).argmax(1)
        assert set((last_N - first_N).tolist()) == {1, 2, 3, 4}
        assert torch.equal(last_N - first_N, changed_NT[:, :9].sum(1))


class TestDraws:
    @pytest.mark.parametrize("num_candidates", [2, 3])
    @pytest.mark.parametrize(("metric", "temperature"), [("bleu", 0.3), ("rouge", 0.2), ("edit", 0.7)])
    def test_a_candidate_is_drawn_in_proportion_to_its_exponential_reward(self, metric, temperature, num_candidates):
        words = (A, B)
        found = draw(metric_of(metric), copied(words, NUM_DRAWS, (A,) * 4), num_candidates, temperature)
        expected = draw_probabilities(words, num_candidates, oracles.FINISHED[metric], temperature)
        assert_targets_drawn_from(drawn_targets(found), expected)

    def test_the_rewards_own_temperature_applies(self):
        words = (A, B)
        found = draw(metric_of("bleu", 0.5), copied(words, NUM_DRAWS), 2, 0.4)
        expected = draw_probabilities(words, 2, oracles.FINISHED["bleu"], 0.5 * 0.4)
        assert_targets_drawn_from(drawn_targets(found), expected)

    def test_a_reward_without_increments_works(self):
        words = (A, B)
        found = draw(metric_of("chrf"), copied(words, NUM_DRAWS), 3, 0.3)
        assert_targets_drawn_from(drawn_targets(found), draw_probabilities(words, 3, chrf_value, 0.3))

    @pytest.mark.parametrize("words", [(A, B, C, A), (C,), (A, UNK)])
    def test_a_temperature_near_0_gives_the_reference_candidate(self, words):
        reference = copied(words, 300, (A,) * 5)
        found = draw(metric_of("edit"), reference, 10, 1e-4)
        unknown_worth = words.count(UNK)  # an unknown word matches nothing, so any word is as good
        assert all(sum(a != b for a, b in zip(y, words, strict=False)) <= unknown_worth for y in drawn_targets(found))

    def test_a_reference_without_words_is_unchanged(self):
        found = draw(metric_of("bleu"), copied((), 50, (A, B)), 4)
        assert set(drawn_targets(found)) == {(EOS,)}


class TestDraw:
    found = draw(metric_of("bleu", 0.2), padded((A, B), (C, UNK, A), (), (B, B, B, B)), 5, 3.0)

    def test_the_reward_is_the_targets(self):
        rows = ((A, B), (C, UNK, A), (), (B, B, B, B))
        for reward, target, words in zip(self.found.reward_R.tolist(), drawn_targets(self.found), rows, strict=True):
            assert reward == pytest.approx(oracles.bleu(target[:-1], words) / 0.2, abs=1e-4)

    def test_targets_have_the_references_lengths_and_shifted_inputs(self):
        reference = padded((A, B), (C, UNK, A), (), (B, B, B, B))
        assert torch.equal(self.found.keep_RT, reference.keep_BT)
        assert self.found.finished_R.all()
        assert (self.found.inputs_RT[:, 0] == BOS).all()
        assert torch.equal(self.found.inputs_RT[:, 1:], self.found.labels_RT[:, :-1])
        assert not torch.isin(self.found.labels_RT[self.found.keep_RT], torch.tensor([PAD, BOS])).any()
