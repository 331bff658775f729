"""Every metric reward against an independent implementation."""

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from erpo_explore.rewards import MixtureReward, TokenReward, metric_reward
from erpo_explore.space import Reward
from erpo_explore.space.reward import TOKEN_METRICS

from .oracles import FINISHED, NUM_TOKENS, POTENTIAL, SYMBOLS, WORDS, batch_of, reference_of, summed

A, B, C, D = WORDS
UNK, EOS = SYMBOLS.unk, SYMBOLS.eos
FEWER = settings(max_examples=40)

words = st.sampled_from([A, B, C, D, UNK])
few_words = st.sampled_from([A, B])
sentences = st.lists(words, max_size=7) | st.lists(few_words, max_size=7)
pairs = st.tuples(sentences, sentences)
"""(hypothesis, reference)."""

ADVERSARIAL = [
    ([], [A]),
    ([], []),
    ([A, B], []),
    ([A], [A]),
    ([UNK], [UNK]),
    ([UNK, A, UNK], [A, UNK, UNK]),
    ([A, A, A, A, A, A], [A, A]),
    ([A, A], [A, A, A, A, A, A]),
    ([A, B, A, B, A, B], [A, B, A, B]),
    ([A, B, A, C, A, B], [A, B, A, B, A, C]),
    ([B, A, C], [A, C, B, A, C]),
    ([D, C, B, A], [A, B, C, D]),
    ([A, B, C, D, A, B, C], [A, B, C, D]),
    ([A, B, C, D, A], [A, B, C, D, A]),
]


def with_adversaries(test):
    for pair in ADVERSARIAL:
        test = example(pair=pair)(test)
    return test


def bound(metric: str) -> TokenReward:
    return metric_reward(metric)


def increments_along(reward, hypothesis, reference):
    """[T, V]: the increments after each prefix, from the empty one to the whole hypothesis."""
    state, steps = reward.begin(reference), []
    for word in hypothesis:
        steps.append(reward.increments(state)[0])
        state = reward.advance(state, torch.tensor([word]))
    return torch.stack([*steps, reward.increments(state)[0]])


@pytest.mark.parametrize("metric", FINISHED)
class TestMetrics:
    @with_adversaries
    @given(pair=pairs)
    def test_increments_sum_to_the_sentence_score(self, metric, pair):
        hypothesis, reference = pair
        tokens_BT, keep_BT = batch_of([[*hypothesis, EOS]])
        total = float(summed(bound(metric), reference_of(reference), tokens_BT, keep_BT))
        assert total == pytest.approx(FINISHED[metric](hypothesis, reference), abs=1e-5)

    @with_adversaries
    @given(pair=pairs)
    def test_a_whole_target_is_scored_in_one_call(self, metric, pair):
        hypothesis, reference = pair
        score_B = bound(metric).score(reference_of(reference), *batch_of([[*hypothesis, EOS]]))
        assert float(score_B) == pytest.approx(FINISHED[metric](hypothesis, reference), abs=1e-5)

    @with_adversaries
    @settings(max_examples=25)
    @given(pair=pairs)
    def test_every_increment_is_the_gain_in_potential(self, metric, pair):
        hypothesis, reference = pair
        found_TV = increments_along(bound(metric), hypothesis, reference_of(reference))
        potential, finished = POTENTIAL[metric], FINISHED[metric]
        for t, found_V in enumerate(found_TV):
            prefix = hypothesis[:t]
            now = potential(prefix, reference)
            expected = [potential([*prefix, word], reference) - now for word in (UNK, *WORDS)]
            assert found_V[[UNK, *WORDS]].tolist() == pytest.approx(expected, abs=1e-5)
            assert float(found_V[EOS]) == pytest.approx(finished(prefix, reference) - now, abs=1e-5)

    @FEWER
    @given(batch=st.lists(pairs, min_size=2, max_size=4))
    def test_a_batch_of_different_lengths_scores_like_its_rows(self, metric, batch):
        tokens_BT, keep_BT = batch_of([[*hypothesis, EOS] for hypothesis, _ in batch])
        together_B = bound(metric).score(reference_of(*(pair[1] for pair in batch)), tokens_BT, keep_BT)
        assert together_B.tolist() == pytest.approx([FINISHED[metric](*pair) for pair in batch], abs=1e-5)

    @FEWER
    @given(pair=pairs)
    def test_a_hypothesis_without_eos_has_its_potential(self, metric, pair):
        hypothesis, reference = pair
        tokens_BT, keep_BT = batch_of([hypothesis])
        expected = pytest.approx(POTENTIAL[metric](hypothesis, reference), abs=1e-5)
        assert float(summed(bound(metric), reference_of(reference), tokens_BT, keep_BT)) == expected
        assert float(bound(metric).score(reference_of(reference), tokens_BT, keep_BT)) == expected

    @pytest.mark.parametrize("temperature", [0.05, 1.0, 4.0])
    @FEWER
    @given(pair=st.tuples(st.lists(st.sampled_from(WORDS), max_size=6), sentences))
    def test_with_task_alone_the_mixture_is_the_metric_over_its_temperature(self, metric, temperature, pair):
        hypothesis, reference = pair
        reward = MixtureReward(Reward(task=1.0, metric=metric, temperature=temperature), torch.zeros(NUM_TOKENS))
        tokens_BT, keep_BT = batch_of([[*hypothesis, EOS]])
        total = float(summed(reward, reference_of(reference), tokens_BT, keep_BT))
        expected = FINISHED[metric](hypothesis, reference) / temperature
        assert total == pytest.approx(expected, abs=1e-5 / temperature, rel=1e-5)
        at_once = float(reward.score(reference_of(reference), tokens_BT, keep_BT))
        assert at_once == pytest.approx(expected, abs=1e-5 / temperature, rel=1e-5)

    def test_scores_of_long_targets_equal_the_sums_of_their_increments(self, metric):
        generator = torch.Generator().manual_seed(3)
        words_BT = torch.randint(UNK, NUM_TOKENS, (200, 12), generator=generator)
        references = [words[: b % 13] for b, words in enumerate(words_BT.tolist())]
        replaced_BT = torch.rand(words_BT.shape, generator=generator) < 0.3
        hypotheses = words_BT.where(~replaced_BT, words_BT.roll(1, 0)).tolist()
        # every second one is cut before its EOS
        tokens_BT, keep_BT = batch_of([[*words, EOS][: 13 - b % 2] for b, words in enumerate(hypotheses)])
        found_B = bound(metric).score(reference_of(*references), tokens_BT, keep_BT)
        expected_B = summed(bound(metric), reference_of(*references), tokens_BT, keep_BT)
        torch.testing.assert_close(found_B, expected_B, rtol=0.0, atol=2e-6)

    @pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
    def test_no_target_and_no_token_have_no_reward(self, metric, shape):
        references = reference_of([A], [B, C]).take(torch.arange(shape[0]))
        tokens_BT = torch.zeros(shape, dtype=torch.long)
        assert bound(metric).score(references, tokens_BT, tokens_BT.bool()).tolist() == [0.0] * shape[0]


def test_every_metric_with_increments_has_an_oracle():
    assert set(FINISHED) == set(POTENTIAL) == set(TOKEN_METRICS)


@given(pair=pairs)
def test_a_word_never_gains_an_edit(pair):
    found_TV = increments_along(bound("edit"), pair[0], reference_of(pair[1]))[:, list(WORDS)]
    assert set(found_TV.flatten().tolist()) <= {0.0, -1.0}


@pytest.mark.parametrize("metric", ["bleu", "rouge"])
@given(reference=sentences)
def test_eos_after_the_whole_reference_has_increment_0(metric, reference):
    known = [word for word in reference if word != UNK]
    # one word has no pair, so its only pair for ROUGE-2 is the one with the beginning
    assume(metric == "bleu" or len(known) != 1)
    assert abs(increments_along(bound(metric), known, reference_of(known))[-1, EOS]) < 1e-6


@pytest.mark.parametrize("metric", ["bleu", "rouge"])
@given(reference=st.permutations([A, B, C, D]), said=st.integers(0, 3))
def test_after_a_prefix_of_the_reference_only_its_next_word_has_the_largest_increment(metric, reference, said):
    after_V = increments_along(bound(metric), reference[:said], reference_of(reference))[-1]
    assert after_V.argmax() == reference[said]
    assert (after_V == after_V.max()).sum() == 1
