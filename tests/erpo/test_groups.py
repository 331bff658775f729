"""Estimators that compare K draws of a source, against every tuple of K targets, at K = 2 and K = 4.

Legend: N enumerated targets, P tuples of K targets, K draws of a source.

The world is one word and EOS, so that 13 targets have 28,561 tuples of four. What a tuple's loss is stands in the
docstring of its estimator; here it is written again, tuple by tuple.
"""

import dataclasses
import itertools
import math
from types import MappingProxyType

import pytest
import torch

from erpo_explore.erpo import Step, enumerate_targets, load_estimator, objective, step_loss
from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import shifted
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


def step(a_point, model, seed=0, copies=COPIES, anchors=MappingProxyType({})):
    reference = reference_of(WORDS, copies)
    return step_loss(a_point, reward_of(a_point), model, *source_of(copies), reference, seeded(seed), anchors)


def anchored(a_point, anchor="frozen", **settings):
    return dataclasses.replace(a_point, anchor=anchor, **settings)


class World:
    """Every target, with what an estimator's loss is made of."""

    def __init__(self, a_point, model, anchor=None):
        self.point = a_point
        drawer = model if anchor is None else anchor
        plain = dataclasses.replace(a_point, anchor="self", kappa=0.0)
        exact = enumerate_targets(plain, reward_of(plain), drawer, memory_of(drawer), reference_of(WORDS), MAX_TOKENS)
        self.exact, self.reward_N = exact, exact.reward_N
        self.log_p_N, self.log_all_N = (
            sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=allowed) for allowed in (True, False)
        )
        self.log_anchor_N = exact.log_p_N
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
        kind = self.point.estimator.kind
        if kind == "sequence":
            return grouped_loss(self.exact.log_q_token_N.exp(), self.point.estimator.samples, self._sequence)
        if kind == "best_of":
            return grouped_loss(self.log_anchor_N.exp(), self.point.estimator.samples, self._best_of)
        if not self.point.is_policy_gradient and kind == "token":
            return -(self.exact.log_q_token_N.exp() * self.log_all_N).sum()
        penalty = self.point.kappa * self.divergence()
        if kind == "token" and self.point.estimator.chosen_baseline in ("none", "self_critical"):
            return penalty - (self.log_p_N.exp() * (self.reward_N - self.point.beta * self.log_p_N)).sum()
        losses = {"token": self._policy_gradient, "minimum_risk": self._risk, "target_policy": self._target_policy}
        return self.expected(losses[kind]) + penalty

    def divergence(self):
        """KL(p ‖ p_anchor)."""
        return (self.log_p_N.exp() * (self.log_p_N - self.log_anchor_N)).sum()

    def _sequence(self, numbers_PK):
        """−Σ_k w_k log p(y_k), w ∝ Π Z among the finished draws."""
        finished_PK = self.exact.finished_N[numbers_PK]
        counts_PK = finished_PK | ~finished_PK.any(1, keepdim=True)
        w_PK = self.exact.log_z_N[numbers_PK].masked_fill(~counts_PK, -torch.inf).softmax(1)
        return -(w_PK * self.log_all_N[numbers_PK]).sum(1)

    def _best_of(self, numbers_PK):
        """−log p of the best of the K, equal ones sharing; n = K."""
        reward_PK = (self.reward_N[numbers_PK] * 1e4).round()
        best_PK = (reward_PK == reward_PK.amax(1, keepdim=True)).float()
        return -(best_PK / best_PK.sum(1, keepdim=True) * self.log_all_N[numbers_PK]).sum(1)

    def _policy_gradient(self, numbers_PK):
        """−1/K Σ_k A_k log p(y_k)."""
        reward_PK, estimator = self.reward_N[numbers_PK], self.point.estimator
        K = numbers_PK.shape[1]
        mean_P1 = reward_PK.mean(1, keepdim=True)
        gap_PK = {
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
        log_anchor_PK = self.log_anchor_N[numbers_PK]
        target_PK = (self.point.rho * log_anchor_PK + reward_PK / self.point.tau).softmax(1)
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


ANCHORED = {
    "token": anchored(point(K=1, alpha=0.6, beta=0.4), "ema"),
    "one draw, penalty": anchored(point(K=1, baseline="none"), kappa=0.7),
    "self-critical, penalty, entropy bonus": anchored(point(K=1, beta=0.2), "ema", kappa=0.7),
} | {
    f"{name}, K = {K}": anchored(point(kind, K, **settings), kappa=kappa)
    for (name, (kind, kappa, settings)), K in itertools.product(
        {
            "sequence": ("sequence", 0.0, {"alpha": 0.6, "beta": 0.4}),
            "best of K": ("best_of", 0.0, {"alpha": 1.0}),
            "target policy": ("target_policy", 0.0, {"baseline": "none", "alpha": 0.6, "beta": 0.9}),
            "leave one out, penalty": ("token", 0.7, {"baseline": "leave_one_out"}),
            "group, penalty": ("token", 0.7, {"baseline": "group", "normalise": "sum"}),
        }.items(),
        SIZES,
    )
}


@pytest.mark.parametrize("name", ANCHORED)
def test_the_mean_gradient_with_an_anchor(name, model):
    a_point, anchor = ANCHORED[name], tiny_model(seed=9)
    exact = World(a_point, model, anchor).loss()
    outcomes = [step(a_point, model, seed, anchors={a_point.anchor: anchor}) for seed in range(NUM_STEPS)]
    gradients = [gradient(outcome.loss * outcome.num_units / COPIES, model) for outcome in outcomes]
    assert z_scores(torch.stack(gradients), gradient(exact, model)).max() < 6.0


def test_labels_of_an_anchor_are_word_level_distillation(model):
    """λ_truth and λ_model after the reference's prefix: cross-entropy to the reference and to the anchor."""
    anchor, reference = tiny_model(seed=9), reference_of(WORDS)
    a_point = Point(reward=Reward(truth=0.4, model=0.6), prefix="truth", label="expected", anchor="frozen")
    inputs_BT = shifted(reference.tokens_BT, reference.symbols)
    log_p_TV = model.decode(memory_of(model), inputs_BT)[0].log_softmax(-1)
    anchor_TV = allowed_log_p(anchor.decode(memory_of(anchor), inputs_BT)[0], reference.symbols).exp()
    truth_TV = torch.nn.functional.one_hot(reference.tokens_BT[0], anchor_TV.shape[1])
    exact_P = gradient(-((0.4 * truth_TV + 0.6 * anchor_TV).detach() * log_p_TV).sum(1).mean(), model)
    found_P = gradient(step(a_point, model, copies=1, anchors={"frozen": anchor}).loss, model)
    torch.testing.assert_close(found_P, exact_P)


@pytest.mark.parametrize("name", ["one draw, penalty", "leave one out, penalty, K = 4", "sequence, K = 2"])
def test_the_model_as_its_own_anchor_changes_nothing_but_rounding(name, model):
    a_point = ANCHORED[name]
    plain = dataclasses.replace(a_point, anchor="self", kappa=0.0)
    anchored_P = gradient(step(a_point, model, copies=8, anchors={"frozen": model}).loss, model)
    torch.testing.assert_close(anchored_P, gradient(step(plain, model, copies=8).loss, model), rtol=1e-3, atol=1e-5)


EXTREMES = {
    "penalty": lambda scale: anchored(point(K=2, baseline="leave_one_out"), kappa=scale),
    "temperature": lambda scale: anchored(point(K=1, alpha=scale, beta=scale)),
    "sequence": lambda scale: anchored(point("sequence", alpha=scale, beta=scale)),
    "target policy": lambda scale: anchored(point("target_policy", baseline="none", alpha=scale, beta=scale)),
    "trust": lambda scale: anchored(point("sequence", alpha=scale, beta=1.0 / scale)),
}


@pytest.mark.parametrize("scale", [1e-4, 1e4])
@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_weights_of_an_anchor_give_finite_gradients(name, scale, model):
    outcome = step(EXTREMES[name](scale), model, copies=16, anchors={"frozen": tiny_model(seed=9)})
    assert outcome.loss.isfinite()
    assert gradient(outcome.loss, model).isfinite().all()


def test_a_missing_anchor_is_an_error(model):
    with pytest.raises(ValueError, match="the anchor frozen is missing, which the point reads"):
        step(ANCHORED["one draw, penalty"], model)


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
