import pytest
import sacrebleu
import torch

from erpo_explore.errors import ConfigError
from erpo_explore.rewards import FinishedReward, MixtureReward, metric_reward
from erpo_explore.space import Reward

from . import scoring
from .oracles import NUM_TOKENS, SYMBOLS, WORDS, batch_of, decode, reference_of

A, B, C, D = WORDS
UNK, EOS = SYMBOLS.unk, SYMBOLS.eos
REFERENCES = ([A, B, C], [UNK, D], [], [B])
HYPOTHESES = [[A, C, EOS], [UNK, D, EOS], [A, EOS], [EOS]]
FUNCTION = f"{scoring.__name__}:shared_words"


def scores_of(reward):
    return reward.score(reference_of(*REFERENCES, padding=2), *batch_of(HYPOTHESES, padding=1))


def test_chrf_equals_sacrebleus():
    expected = [
        sacrebleu.sentence_chrf(decode(hypothesis), [decode(words)]).score / 100.0
        for hypothesis, words in zip(HYPOTHESES, REFERENCES, strict=True)
    ]
    assert scores_of(metric_reward("chrf", decode)).tolist() == pytest.approx(expected)
    assert expected[1] == pytest.approx(1.0)


def test_a_users_function_scores_the_texts():
    assert scores_of(metric_reward(FUNCTION, decode)).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_function_is_called_once_per_batch_with_every_row():
    calls = []

    def record(hypotheses, references):
        calls.append((hypotheses, references))
        return [0.5] * len(hypotheses)

    scores_of(FinishedReward(record, decode))
    assert calls == [(["w4 w6", "w3 w7", "w4", ""], ["w4 w5 w6", "w3 w7", "", "w5"])]


def test_the_mixture_divides_its_score_by_the_temperature():
    reward = MixtureReward(Reward(task=1.0, metric=FUNCTION, temperature=0.25), torch.zeros(NUM_TOKENS), decode)
    assert scores_of(reward).tolist() == [4.0, 4.0, 0.0, 0.0]


@pytest.mark.parametrize("metric", ["chrf", FUNCTION])
def test_without_decode_it_is_an_error(metric):
    with pytest.raises(ValueError, match=f"metric={metric} scores text and needs decode"):
        MixtureReward(Reward(task=1.0, metric=metric), torch.zeros(NUM_TOKENS))


def test_a_missing_function_is_an_error_before_scoring():
    with pytest.raises(ConfigError, match="cannot be imported"):
        MixtureReward(Reward(task=1.0, metric="no_such:metric"), torch.zeros(NUM_TOKENS), decode)


def test_a_wrong_score_is_an_error_that_names_the_function():
    name = f"{scoring.__name__}:percent"
    with pytest.raises(ConfigError, match=f"{name} must return 4 numbers"):
        scores_of(metric_reward(name, decode))
