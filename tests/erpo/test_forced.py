"""Forced words have the loss of maximum likelihood, whatever the loss of the other words is."""

import dataclasses
import math

import pytest
import torch

from erpo_explore.erpo import step_loss
from erpo_explore.erpo.objective import StepLoss
from erpo_explore.space import Point, Reward

from .tiny import BOS, UNK, A, gradient, memory_of, reference_of, reward_of, seeded, source_of, tiny_model

MODEL = tiny_model()
POLICY_GRADIENT = Point(reward=Reward(task=1.0, metric="edit"), alpha=math.inf, beta=0.0)
COLD = Point(reward=Reward(task=1.0, metric="edit", temperature=1e-3))
"""After the forced words it continues with the reference with probability near 1."""


def step(point: Point, words: tuple[int, ...], forced: float) -> StepLoss:
    point = dataclasses.replace(point, forced=forced)
    return step_loss(point, reward_of(point), MODEL, *source_of(), reference_of(words), seeded(1))


@torch.no_grad()
def cross_entropies(words: tuple[int, ...]) -> torch.Tensor:
    logits_TV = MODEL.decode(memory_of(MODEL), torch.tensor([[BOS, *words]]))[0]
    return -logits_TV.log_softmax(-1)[:-1].gather(1, torch.tensor(words)[:, None])[:, 0]


def test_under_policy_gradient_a_forced_unknown_word_has_cross_entropy(monkeypatch):
    # with constant rewards only the forced words have a gradient
    monkeypatch.setattr(
        "erpo_explore.erpo.estimators.policy_gradient.advantages", lambda reward_BK, *_: torch.zeros_like(reward_BK)
    )
    words = (UNK, A, UNK)
    outcome = step(POLICY_GRADIENT, words, 0.75)
    assert outcome.loss.item() * outcome.num_units == pytest.approx(float(cross_entropies(words).sum()), rel=1e-5)


@pytest.mark.parametrize("words", [(A, A), (UNK, A)])
def test_an_expected_label_is_the_truth_at_forced_positions(words):
    expected = step(dataclasses.replace(COLD, label="expected"), words, 0.3)
    truth = step(Point(reward=Reward(truth=1.0)), words, 0.0)
    assert expected.loss.item() == pytest.approx(truth.loss.item(), rel=1e-5)
    torch.testing.assert_close(gradient(expected.loss, MODEL), gradient(truth.loss, MODEL), rtol=1e-4, atol=1e-6)


def test_under_noise_an_expected_label_is_the_truth_at_forced_positions():
    # the noise is in the half that is not forced
    point = Point(reward=Reward(truth=0.5, noise=0.5), label="expected", forced=0.99)
    assert step(point, (A, A), 0.99).loss.item() == pytest.approx(
        step(Point(reward=Reward(truth=1.0)), (A, A), 0.0).loss.item(), rel=1e-5
    )
