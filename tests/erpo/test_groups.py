"""Estimators that compare K draws of a source, against every tuple of K targets, at K = 2 and K = 4.

Legend: N enumerated targets, P tuples of K targets, K draws of a source.

The world is one word and EOS, so that 13 targets have 28,561 tuples of four. What a tuple's loss is stands in the
docstring of its estimator; here it is written again, tuple by tuple.
"""

import itertools
import math

import pytest
import torch

from erpo_explore.erpo import Step, enumerate_targets, load_estimator, objective, step_loss
from erpo_explore.space import Estimator, Point, Reward

from .prefix_tree import grouped_loss
from .tiny import (
    EOS,
    A,
    gradient,
    memory_of,
    reference_of,
    reward_of,
    seeded,
    sequence_log_p,
    source_of,
    tiny_model,
    z_scores,
)

WORDS, MAX_TOKENS = (A,), 2
NUM_STEPS, COPIES = 12, 384
SIZES = (2, 4)


def point(kind="token", K=2, *, alpha=math.inf, beta=0.0, metric="edit", **settings):
    estimator = Estimator(kind=kind, samples=K, **settings)
    return Point(reward=Reward(task=1.0, metric=metric), alpha=alpha, beta=beta, estimator=estimator)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(autouse=True)
def few_targets(monkeypatch):
    monkeypatch.setattr(objective, "_LENGTH_SLACK", MAX_TOKENS - len(WORDS) - 1)


def step(a_point, model, seed=0, copies=COPIES):
    reference = reference_of(WORDS, copies)
    return step_loss(a_point, reward_of(a_point), model, *source_of(copies), reference, seeded(seed))


class World:
    """Every target, with what an estimator's loss is made of."""

    def __init__(self, a_point, model):
        self.point = a_point
        exact = enumerate_targets(a_point, reward_of(a_point), model, memory_of(model), reference_of(WORDS), MAX_TOKENS)
        self.reward_N = exact.reward_N
        self.log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)
        self.true = exact.tokens_NL.tolist().index([*WORDS, EOS])

    def expected(self, loss_of):
        """The mean of a tuple's loss; with `with_reference` its first target is the reference, and no draw."""
        estimator = self.point.estimator
        if not estimator.with_reference:
            return grouped_loss(self.log_p_N.exp(), estimator.samples, loss_of)

        def beside_reference(numbers_PJ):
            first_P1 = torch.full((len(numbers_PJ), 1), self.true)
            return loss_of(torch.cat([first_P1, numbers_PJ], dim=1))

        return grouped_loss(self.log_p_N.exp(), estimator.samples - 1, beside_reference)

    def loss(self):
        losses = {"token": self._policy_gradient, "minimum_risk": self._risk, "target_policy": self._target_policy}
        return self.expected(losses[self.point.estimator.kind])

    def _policy_gradient(self, numbers_PK):
        """−1/K Σ_k A_k log p(y_k)."""
        reward_PK, estimator = self.reward_N[numbers_PK], self.point.estimator
        K = numbers_PK.shape[1]
        mean_P1 = reward_PK.mean(1, keepdim=True)
        gap_PK = {
            "none": reward_PK,
            "leave_one_out": reward_PK - (reward_PK.sum(1, keepdim=True) - reward_PK) / (K - 1),
            "group": reward_PK - mean_P1,
        }[estimator.chosen_baseline]
        if estimator.chosen_scale == "group":
            spread_P1 = (reward_PK - mean_P1).square().mean(1, keepdim=True).sqrt()
            gap_PK = torch.where(spread_P1 > 1e-6, gap_PK / spread_P1.clamp(min=1e-6), 0.0)
        return -(gap_PK * self.log_p_N[numbers_PK]).mean(1)

    def _risk(self, numbers_PK):
        """−Σ_k Q_k R_k among the distinct targets, Q ∝ p^a."""
        is_new_PK = torch.stack(
            [(numbers_PK[:, :k] != numbers_PK[:, k : k + 1]).all(1) for k in range(numbers_PK.shape[1])], dim=1
        )
        p_PK = (self.point.estimator.sharpness * self.log_p_N[numbers_PK]).exp() * is_new_PK
        return -(p_PK * self.reward_N[numbers_PK]).sum(1) / p_PK.sum(1)

    def _target_policy(self, numbers_PK):
        """−Σ_k q_k log p̂_k, q ∝ p^ρ exp(R / τ), p̂ ∝ p."""
        log_p_PK, reward_PK = self.log_p_N[numbers_PK], self.reward_N[numbers_PK]
        target_PK = (self.point.rho * log_p_PK.detach() + reward_PK / self.point.tau).softmax(1)
        return -(target_PK * log_p_PK.log_softmax(1)).sum(1)


CASES = {
    f"{name}, K = {K}{', with the reference' if with_reference else ''}": point(
        kind, K, with_reference=with_reference, **settings
    )
    for (name, (kind, settings)), K, with_reference in itertools.product(
        {
            "leave one out": ("token", {"baseline": "leave_one_out"}),
            "group": ("token", {"baseline": "group"}),
            "risk": ("minimum_risk", {"sharpness": 0.7}),
            "target policy": ("target_policy", {"baseline": "none", "alpha": 0.6, "beta": 0.9}),
        }.items(),
        SIZES,
        (False, True),
    )
}


@pytest.mark.parametrize("name", CASES)
def test_the_mean_gradient_is_that_of_all_tuples(name, model):
    exact_P = gradient(World(CASES[name], model).loss(), model)
    outcomes = [step(CASES[name], model, seed) for seed in range(NUM_STEPS)]
    gradients = [gradient(outcome.loss * outcome.num_units / COPIES, model) for outcome in outcomes]
    assert exact_P.norm() > 0.0
    assert z_scores(torch.stack(gradients), exact_P).max() < 6.0


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("with the reference")])
def test_the_first_target_of_each_source_is_its_reference(name, model):
    a_point, reference = CASES[name], reference_of(WORDS, 3)
    K = a_point.estimator.samples
    one_row = Step(
        point=a_point,
        reward=reward_of(a_point),
        model=model,
        memory=memory_of(model, 3),
        reference=reference,
        max_tokens=MAX_TOKENS,
        generator=seeded(0),
    )
    draw = load_estimator(a_point.estimator.kind).draw(one_row.repeated(K))
    assert torch.equal(draw.labels_RT[::K], reference.tokens_BT)
    assert draw.finished_R[::K].all()
    assert len(draw.labels_RT) == 3 * K
