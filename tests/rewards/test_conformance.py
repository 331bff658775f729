"""Properties that every reward must have."""

import pytest
import torch

from erpo_explore.rewards import MetricReward, MixtureReward, metric_reward
from erpo_explore.space import Reward
from erpo_explore.space.reward import METRICS, SUM

from . import scoring, text_scorers
from .oracles import NUM_TOKENS, SYMBOLS, WORDS, decode, reference_of

A, B, C, D = WORDS
UNK, EOS, PAD = SYMBOLS.unk, SYMBOLS.eos, SYMBOLS.pad

UNIGRAM_V = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.4, 0.3, 0.2, 0.1])
OUTSIDE = (f"{scoring.__name__}:shared_words", f"{scoring.__name__}:SamePosition")
LAMBDAS = {
    "truth": {"truth": 1.0},
    "noise": {"noise": 1.0},
    "model": {"model": 1.0},
    "truth_noise": {"truth": 0.9, "noise": 0.1},
    "uniform": {"noise": 1.0, "noise_kind": "uniform"},
    "truth_blank": {"truth": 0.9, "noise": 0.1, "noise_kind": "blank"},
    "truth_model": {"truth": 0.75, "model": 0.25},
    "truth_bleu": {"truth": 0.5, "task": 0.5, "temperature": 0.1},
    "noise_edit": {"noise": 0.5, "task": 0.5, "metric": "edit"},
    "bleu_at_temperature": {"task": 1.0, "metric": "bleu", "temperature": 0.05},
    "edit_at_temperature": {"task": 1.0, "metric": "edit", "temperature": 0.1},
    "constant_at_temperature": {"task": 1.0, "metric": "constant", "temperature": 2.0},
    "model_bleu_prefix": {"model": 0.5, "task": 0.5, "metric": "bleu_prefix", "temperature": 0.1},
    "chrf_at_temperature": {"task": 1.0, "metric": "chrf", "temperature": 0.5},
    "truth_outside": {"truth": 0.5, "task": 0.5, "metric": OUTSIDE[1], "temperature": 0.1},
    "everything": {"truth": 0.4, "noise": 0.2, "task": 0.3, "model": 0.1, "metric": "rouge", "temperature": 0.02},
}
REWARDS = {name: metric_reward(name, decode) for name in (*METRICS, *OUTSIDE) if name != SUM} | {
    name: MixtureReward(Reward(**weights), UNIGRAM_V, decode) for name, weights in LAMBDAS.items()
}
REWARDS |= {
    f"{name} of the text": metric_reward(scorer.name, text_scorers.decode, scorer)
    for name, scorer in text_scorers.SCORERS.items()
}
CORNERS = {
    name: reward for name, reward in REWARDS.items() if isinstance(reward, MetricReward) or reward.reward.task == 1.0
}
"""Rewards with sparse candidates."""

REFERENCES = ([A, B, C, A], [UNK], [], [B, B, B, UNK, B, A, D])
HYPOTHESES_TB = torch.tensor(
    [[A, B, A, B], [B, UNK, B, B], [C, D, B, B], [EOS, EOS, B, B], [PAD, PAD, EOS, A], [PAD] * 4, [PAD] * 4]
)
"""The token of each row at each step: all rows end but the last, which is longer than the longest reference."""


@pytest.fixture(params=REWARDS)
def reward(request):
    return REWARDS[request.param]


def log_p_TBV(seed=0):
    """A model's log-probabilities, −∞ for special tokens."""
    shape = (len(HYPOTHESES_TB) + 1, len(REFERENCES), NUM_TOKENS)
    logits_TBV = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    logits_TBV[..., list(SYMBOLS.never_drawn)] = -torch.inf
    return logits_TBV.log_softmax(-1)


def walk(reward, rows=slice(None), padding=0):
    """[T, B, V]: the increments at every step of some rows."""
    state, steps = reward.begin(reference_of(*REFERENCES[rows], padding=padding)), []
    for tokens_B, log_p_BV in zip([*HYPOTHESES_TB, None], log_p_TBV(), strict=True):
        steps.append(reward.increments(state, log_p_BV[rows]))
        if tokens_B is not None:
            state = reward.advance(state, tokens_B[rows])
    return torch.stack(steps)


class TestConformance:
    def test_there_is_one_increment_per_candidate(self, reward):
        assert walk(reward).shape == (len(HYPOTHESES_TB) + 1, len(REFERENCES), NUM_TOKENS)

    def test_no_increment_is_nan_or_plus_infinity(self, reward):
        increments_TBV = walk(reward)
        assert not increments_TBV.isnan().any()
        assert (increments_TBV < torch.inf).all()

    def test_no_prefix_forbids_every_token(self, reward):
        assert walk(reward).isfinite().any(-1).all()

    @pytest.mark.parametrize("row", range(len(REFERENCES)))
    def test_a_row_does_not_depend_on_the_rest_of_its_batch(self, reward, row):
        alone_TV = walk(reward, slice(row, row + 1))[:, 0]
        ended = (HYPOTHESES_TB[:, row] == EOS).nonzero()
        steps = int(ended[0]) + 1 if len(ended) else None
        torch.testing.assert_close(walk(reward)[:steps, row], alone_TV[:steps], rtol=1e-6, atol=1e-6)

    def test_padding_changes_nothing(self, reward):
        torch.testing.assert_close(walk(reward, padding=3), walk(reward), rtol=1e-6, atol=1e-6)

    def test_a_state_can_be_advanced_twice(self, reward):
        before, log_p_BV = reward.begin(reference_of(*REFERENCES)), log_p_TBV()[0]
        first_BV = reward.increments(before, log_p_BV).clone()
        for word in (A, B):
            after = reward.advance(before, torch.full((len(REFERENCES),), word))
            reward.increments(after, log_p_BV)
        assert torch.equal(reward.increments(before, log_p_BV), first_BV)

    def test_only_a_reward_that_reads_the_model_depends_on_it(self, reward):
        state = reward.begin(reference_of(*REFERENCES))
        one_BV, other_BV = (reward.increments(state, log_p_TBV(seed)[0]) for seed in (1, 2))
        assert torch.equal(one_BV, other_BV) is not reward.reads_model

    def test_a_reward_that_does_not_read_the_model_works_without_it(self, reward):
        state = reward.begin(reference_of(*REFERENCES))
        if reward.reads_model:
            with pytest.raises(ValueError, match="needs the model's log-probabilities"):
                reward.increments(state)
        else:
            assert torch.equal(reward.increments(state), reward.increments(state, log_p_TBV()[0]))

    @pytest.mark.parametrize("rows", [[0, 1, 2, 3], [3, 0], [1, 1, 2], []])
    def test_rows_can_be_selected_before_or_after_a_step(self, reward, rows):
        row_N = torch.tensor(rows, dtype=torch.long)
        state = reward.begin(reference_of(*REFERENCES))
        for tokens_B, log_p_BV in zip(HYPOTHESES_TB, log_p_TBV()[1:], strict=True):
            taken = reward.advance(reward.take(state, row_N), tokens_B[row_N])
            state = reward.advance(state, tokens_B)
            found_NV = reward.increments(taken, log_p_BV[row_N])
            torch.testing.assert_close(found_NV, reward.increments(state, log_p_BV)[row_N], rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("rows", [[3, 0], [1, 1, 2]])
    def test_references_can_be_selected_instead_of_states(self, reward, rows):
        row_N, log_p_BV = torch.tensor(rows), log_p_TBV()[0]
        reference = reference_of(*REFERENCES)
        taken_NV = reward.increments(reward.begin(reference.take(row_N)), log_p_BV[row_N])
        whole_BV = reward.increments(reward.begin(reference), log_p_BV)
        torch.testing.assert_close(taken_NV, whole_BV[row_N], rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("reward", [n for n, r in REWARDS.items() if not r.reads_model], indirect=True)
    def test_rows_can_be_selected_before_or_after_scoring(self, reward):
        row_N, reference = torch.tensor([2, 0, 0]), reference_of(*REFERENCES)
        tokens_BL, keep_BL = HYPOTHESES_TB.T, HYPOTHESES_TB.T != PAD
        score_B = reward.score(reference, tokens_BL, keep_BL)
        taken_N = reward.score(reference.take(row_N), tokens_BL[row_N], keep_BL[row_N])
        assert score_B.shape == (len(REFERENCES),)
        torch.testing.assert_close(taken_N, score_B[row_N], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["chrf", f"{scoring.__name__}:shared_words"])
def test_a_reward_of_finished_targets_prefers_no_next_token(name):
    assert not walk(REWARDS[name]).any()


def candidates_along(reward):
    """The sparse and the dense increments at every step."""
    state = reward.begin(reference_of(*REFERENCES))
    for tokens_B in HYPOTHESES_TB:
        yield reward.candidates(state), reward.increments(state)
        state = reward.advance(state, tokens_B)


@pytest.mark.parametrize("reward", CORNERS.values(), ids=CORNERS)
class TestCandidates:
    def test_each_is_the_increment_of_its_token(self, reward):
        for found, dense_BV in candidates_along(reward):
            of_BV = torch.stack([found.of(torch.full((len(REFERENCES),), v)) for v in range(NUM_TOKENS)], dim=1)
            torch.testing.assert_close(of_BV, dense_BV, rtol=0.0, atol=1e-5)

    def test_no_token_is_kept_twice(self, reward):
        for found, _ in candidates_along(reward):
            counts_BV = torch.zeros(len(REFERENCES), NUM_TOKENS, dtype=torch.long)
            counts_BV = counts_BV.scatter_add(1, found.token_BJ, found.keep_BJ.long())
            assert int(counts_BV.max()) <= 1


@pytest.mark.parametrize("name", ["truth_noise", "truth_bleu", "model"])
def test_a_mixture_has_no_sparse_candidates(name):
    reward = REWARDS[name]
    with pytest.raises(ValueError, match="only the corner task=1"):
        reward.candidates(reward.begin(reference_of(*REFERENCES)))


def test_a_reward_without_a_metric_has_no_task_candidates():
    reward = REWARDS["truth_noise"]
    with pytest.raises(ValueError, match="without a task weight"):
        reward.task_candidates(reward.begin(reference_of(*REFERENCES)))
