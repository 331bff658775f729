"""The E-step at points whose reward is the score of a text, against the enumeration of every target."""

import math

import pytest
import torch

from erpo_explore.erpo import enumerate_targets
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.rewards import MixtureReward
from tests.rewards.text_scorers import SCORERS, decode
from tests.rewards.text_scorers import SYMBOLS as TEXT_SYMBOLS

from .frequencies import assert_drawn_from
from .tiny import (
    POINTS,
    SYMBOLS,
    UNIGRAM_V,
    A,
    B,
    C,
    counts_of,
    memory_of,
    reference_of,
    seeded,
    targets_of,
    tiny_model,
)

MODEL = tiny_model()
MAX_TOKENS = 4
NUM_DRAWS = 4_000
CASES = {
    "raml_bleu": "bleu 13a",
    "raml_edit": "edit",
    "halfway_rouge": "rouge",
    "spg_bleu": "bleu 13a of three",
    "interpolation": "bleu 13a",
    "all_at_once": "edit",
}
"""The scorer of each point. Two pieces are one word, and a third one ends it."""
ALONE = [name for name in CASES if POINTS[name].reward.task == 1.0]
WORDS = (A, B, C)


def reward_of(name):
    return MixtureReward(POINTS[name].reward, UNIGRAM_V, decode, SCORERS[CASES[name]])


def exact_of(name):
    return enumerate_targets(POINTS[name], reward_of(name), MODEL, memory_of(MODEL), reference_of(WORDS), MAX_TOKENS)


def score_of(name, target):
    """What the scorer says of a finished target, over the temperature."""
    scorer, texts = SCORERS[CASES[name]], ([decode(target)], [decode(WORDS)])
    reward = scorer.sentences(*texts)[0] / 100.0
    if scorer.metric == "edit":
        reward = -float(scorer.corpus(*texts).statistics.values_ND[0, 0])
    return reward / POINTS[name].reward.temperature


def test_pieces_are_those_of_this_vocabulary():
    assert TEXT_SYMBOLS == SYMBOLS
    assert [decode(words) for words in ((A, B, C), (B, A), (A, A))] == ["ab.", "b a", "a a"]


@pytest.mark.parametrize("name", ALONE)
def test_the_reward_of_every_finished_target_is_the_score_of_its_text(name):
    exact = exact_of(name)
    targets = [row[row != SYMBOLS.pad].tolist() for row in exact.tokens_NL[exact.finished_N]]
    expected = [score_of(name, target) for target in targets]
    assert exact.reward_N[exact.finished_N].tolist() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", ALONE)
def test_q_of_whole_targets_is_that_of_the_scores(name):
    exact, point = exact_of(name), POINTS[name]
    finished_N = exact.finished_N
    targets = [row[row != SYMBOLS.pad].tolist() for row in exact.tokens_NL[finished_N]]
    log_p_N = exact.log_p_N[finished_N].tolist() if point.alpha > 0.0 else [0.0] * len(targets)
    energies = [
        (point.alpha * log_p + score_of(name, target)) / point.tau
        for target, log_p in zip(targets, log_p_N, strict=True)
    ]
    total = math.log(math.fsum(math.exp(energy) for energy in energies))
    assert exact.log_q_N[finished_N].tolist() == pytest.approx([energy - total for energy in energies], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_targets_are_drawn_from_the_enumerated_distribution(name):
    proposal = Proposal(point=POINTS[name], reward=reward_of(name), model=MODEL)
    found = sample(
        proposal,
        memory_of(MODEL, NUM_DRAWS),
        reference_of(WORDS, NUM_DRAWS),
        max_tokens=MAX_TOKENS,
        generator=seeded(1),
    )
    exact = exact_of(name)
    assert_drawn_from(counts_of(targets_of(found, MAX_TOKENS), exact.tokens_NL), exact.log_q_token_N.exp())


@pytest.mark.parametrize("name", ALONE)
def test_drawn_targets_bring_their_reward(name):
    proposal = Proposal(point=POINTS[name], reward=reward_of(name), model=MODEL)
    reference = reference_of(WORDS, 64)
    found = sample(proposal, memory_of(MODEL, 64), reference, max_tokens=MAX_TOKENS, generator=seeded(2))
    score_R = proposal.reward.score(reference, found.labels_RT, found.keep_RT)
    torch.testing.assert_close(found.reward_R, score_R, rtol=1e-4, atol=1e-4)
