import dataclasses

import pytest
import torch

from erpo_explore.rewards import EditReward, MixtureReward
from erpo_explore.space import Reward

from .oracles import NUM_TOKENS, SYMBOLS, WORDS, batch_of, reference_of

A, B, C, D = WORDS
UNK, EOS = SYMBOLS.unk, SYMBOLS.eos


def test_the_words_of_a_reference_are_its_kept_tokens_without_eos():
    reference = reference_of([A, UNK, B], [C])
    assert reference.words_BT.tolist() == [[True, True, True, False], [True, False, False, False]]
    assert reference.length_B.tolist() == [3.0, 1.0]


def test_an_unknown_word_matches_nothing():
    assert reference_of([A, UNK, B]).matchable_BT.tolist() == [[True, False, True, False]]


def test_a_reference_without_eos_keeps_its_words():
    tokens_BT, keep_BT = batch_of([[A, B]])
    reference = dataclasses.replace(reference_of([A]), tokens_BT=tokens_BT, keep_BT=keep_BT)
    assert reference.length_B.tolist() == [2.0]


def test_tokens_after_a_hypothesis_are_not_scored():
    tokens_BT, keep_BT = batch_of([[A, EOS]], padding=3)
    tokens_BT[:, 2:] = C
    assert EditReward().score(reference_of([A]), tokens_BT, keep_BT).tolist() == [0.0]


def test_a_reward_that_reads_the_model_scores_no_sequence():
    reward = MixtureReward(Reward(truth=0.5, model=0.5), torch.zeros(NUM_TOKENS))
    with pytest.raises(ValueError, match="needs the model's log-probabilities"):
        reward.score(reference_of([A]), *batch_of([[A, EOS]]))


def test_tokens_other_than_the_truth_are_minus_infinity():
    reward = MixtureReward(Reward(truth=1.0), torch.zeros(NUM_TOKENS))
    tokens_BT, keep_BT = batch_of([[A, EOS], [B, EOS]])
    assert reward.score(reference_of([A], [A]), tokens_BT, keep_BT).tolist() == [0.0, -torch.inf]
