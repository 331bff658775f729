"""The expected loss of a step at any point: the oracle of `step_loss`.

Legend: N enumerated targets, K draws of a source, P pairs of draws or parameters, B copies of the source.

    a step      its loss summed over what a source was trained on, so that a mean over labels has no bias
    whole K     losses of groups are summed over all pairs of targets, each with its probability
"""

import math
from types import MappingProxyType
from unittest.mock import patch

import torch

from erpo_explore.erpo import draw_targets, enumerate_targets, objective, step_loss
from erpo_explore.space import Point, Reward
from erpo_explore.space.estimator import Estimator

from .prefix_tree import TRUTH, Prefix, Tree, edited_targets, grouped_loss, replaced_targets
from .tiny import PAD, WORDS, gradient, memory_of, reference_of, reward_of, seeded, sequence_log_p, source_of

MAX_TOKENS = 4
"""One more than the reference has."""
NUM_ESTIMATES, COPIES = 12, 512
MOST_INSERTIONS = 3
"""Maximum of the stratified sampler's oracle; at the temperature here one target in 5,000 has more insertions."""


def task(alpha: float, beta: float, metric: str = "bleu", temperature: float = 1.0, **levers: object) -> Point:
    return Point(reward=Reward(task=1.0, metric=metric, temperature=temperature), alpha=alpha, beta=beta, **levers)


def mixed(alpha: float = 0.0, beta: float = 1.0, *, levers: dict[str, object] | None = None, **reward: object) -> Point:
    return Point(reward=Reward(**reward), alpha=alpha, beta=beta, **(levers or {}))


def weighted(kind: str, **settings: object) -> Estimator:
    return Estimator(kind=kind, **({"samples": 2} | settings))


def tree_of(point, model):
    return Tree(point, reward_of(point), model, MAX_TOKENS)


def enumeration(point, model):
    return enumerate_targets(point, reward_of(point), model, memory_of(model), reference_of(), MAX_TOKENS)


def words_of(tokens, keep=None):
    return [tuple(v for v in row if v != PAD) for row in tokens.tolist()]


def score_of(point):
    """R of one target."""

    def score(target: Prefix) -> float:
        tokens_BL = torch.tensor([target])
        return float(reward_of(point).score(reference_of(), tokens_BL, torch.ones_like(tokens_BL) > 0))

    return score


def offline_targets(point):
    """P(y) of the samplers that edit the reference; targets that the oracle leaves out are missing."""
    if point.estimator.kind == "ngram":
        return replaced_targets(score_of(point), point.tau, point.estimator.samples)
    temperature, m, v = point.tau * point.reward.temperature, len(WORDS), 3
    found = edited_targets(temperature, MOST_INSERTIONS)
    total = sum(
        math.comb(m, s) * math.comb(m - s + i, i) * (v * math.exp(-1.0 / temperature)) ** (s + i)
        for s in range(m + 1)
        for i in range(len(TRUTH) + 4 + 1)
    )
    return {target: weight / total for target, weight in found.items()}


def is_offline(point):
    return point.estimator.kind in ("stratified", "ngram")


def draw(point, model, copies):
    return draw_targets(
        point,
        reward_of(point),
        model,
        memory_of(model, copies),
        reference_of(copies=copies),
        max_tokens=MAX_TOKENS,
        generator=seeded(1),
    )


def step(point, model, *, copies=COPIES, seed=1, anchors=MappingProxyType({})):
    with patch.object(objective, "_LENGTH_SLACK", MAX_TOKENS - len(TRUTH)):
        return step_loss(
            point, reward_of(point), model, *source_of(copies), reference_of(copies=copies), seeded(seed), anchors
        )


def source_loss(outcome, copies=COPIES):
    """The loss summed over the labels of a source, which has no bias; a mean over labels has."""
    return outcome.loss * outcome.num_units / copies


def estimates(point, model):
    """[K], [K, P]: losses and gradients of independent steps."""
    losses = [source_loss(step(point, model, seed=seed)) for seed in range(NUM_ESTIMATES)]
    return torch.stack(losses).detach(), torch.stack([gradient(loss, model) for loss in losses])


def exact_loss(point, model):
    """The expectation of `source_loss` by its definition over all targets, groups or positions; with gradient."""
    estimator = point.estimator
    if point.reward.is_truth or point.forced == 1.0:
        return _offline_loss({TRUTH: 1.0}, model)
    if is_offline(point):
        return _offline_loss(offline_targets(point), model)
    if point.is_policy_gradient and estimator.kind == "token" and estimator.chosen_baseline != "group":
        return _policy_gradient_loss(point, model)
    if estimator.kind == "token" and not point.is_policy_gradient:
        return tree_of(point, model).loss()
    if estimator.kind == "best_of":
        return _best_of_loss(point, model)
    assert estimator.samples == 2, "a group of more than 2 is too dear to enumerate; give the algorithm settings"
    exact = enumeration(point, model)
    if estimator.kind == "sequence":
        return grouped_loss(exact.log_q_token_N.exp(), 2, _sequence_pairs(exact, point, model))
    log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=True)
    pairs = {"token": _group_pairs, "minimum_risk": risk_pairs, "target_policy": _target_policy_pairs}
    return grouped_loss(log_p_N.exp(), 2, pairs[estimator.kind](point, log_p_N, exact.reward_N))


def _best_of_loss(point, model):
    """−E log p of the best of n draws, whatever K: P(y) = p(y) / P(R = r) · (P(R ≤ r)^n − P(R < r)^n)."""
    exact, n = enumeration(point, model), point.estimator.chosen_best_of
    p_N, reward_N = exact.log_p_N.exp().double(), (exact.reward_N * 1e4).round()
    equal_NN, worse_NN = reward_N[:, None] == reward_N, reward_N[:, None] > reward_N
    equal_N, worse_N = equal_NN.double() @ p_N, worse_NN.double() @ p_N
    q_N = p_N / equal_N * ((worse_N + equal_N) ** n - worse_N**n)
    torch.testing.assert_close(q_N.sum(), torch.tensor(1.0).double())
    return -(q_N.float() * sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)).sum()


def _offline_loss(probability, model):
    longest = max(map(len, probability))
    tokens_NL = torch.tensor([[*target, *[PAD] * (longest - len(target))] for target in probability])
    log_p_N = sequence_log_p(model, tokens_NL, tokens_NL != PAD, allowed=False)
    return -(torch.tensor(list(probability.values())) * log_p_N).sum()


def _policy_gradient_loss(point, model):
    """−E_p[R] − β H after the forced words, plus the cross-entropy of the forced words."""
    tree, exact = tree_of(point, model), enumeration(point, model)
    m = math.ceil(point.forced * len(TRUTH))
    loss = -sum((tree[TRUTH[:t]].log_p_V[TRUTH[t]] for t in range(m)), torch.zeros(()))
    for target, reward in zip(words_of(exact.tokens_NL), exact.reward_N.tolist(), strict=True):
        if target[:m] == TRUTH[:m]:
            log_p = tree.tail_log_p(target)
            loss = loss - log_p.exp() * (reward - point.beta * log_p)
    return loss


def _sequence_pairs(exact, point, model):
    """−Σ w log p with w ∝ Π Z, exact in the limit of many draws; a cut target has no weight beside a finished one."""
    log_p_N = sequence_log_p(model, exact.tokens_NL, exact.keep_NL, allowed=False)
    log_w_N = exact.log_z_N if point.reward.has_increments else exact.log_z_N + exact.reward_N / point.tau

    def loss_of(numbers_PK):
        finished_PK = exact.finished_N[numbers_PK]
        counts_PK = finished_PK | ~finished_PK.any(1, keepdim=True)
        w_PK = log_w_N[numbers_PK].exp() * counts_PK
        return -(w_PK / w_PK.sum(1, keepdim=True) * log_p_N[numbers_PK]).sum(1)

    return loss_of


def _group_pairs(point, log_p_N, reward_N):
    """Two standardised unequal rewards are ±1: the gradient raises the better draw and lowers the worse one."""

    def loss_of(numbers_PK):
        value_N = reward_N - point.beta * log_p_N.detach()
        gap_P = value_N[numbers_PK[:, 0]] - value_N[numbers_PK[:, 1]]
        sign_P = torch.where(gap_P.abs() < 1e-6, 0.0, gap_P.sign())
        return -0.5 * sign_P * (log_p_N[numbers_PK[:, 0]] - log_p_N[numbers_PK[:, 1]])

    return loss_of


def risk_pairs(point, log_p_N, reward_N):
    """−(p_1^a R_1 + p_2^a R_2) / (p_1^a + p_2^a); two equal draws count once and have no gradient."""

    def loss_of(numbers_PK):
        p_PK = (point.estimator.sharpness * log_p_N[numbers_PK]).exp()
        return -(p_PK * reward_N[numbers_PK]).sum(1) / p_PK.sum(1)

    return loss_of


def _target_policy_pairs(point, log_p_N, reward_N):
    """Cross-entropy of p̂ to q ∝ p^ρ exp(u / τ)."""

    def loss_of(numbers_PK):
        log_p_PK, score_PK = log_p_N[numbers_PK], reward_N[numbers_PK]
        if point.estimator.chosen_baseline == "group":
            gap_P = score_PK[:, 0] - score_PK[:, 1]
            sign_P = torch.where(gap_P.abs() < 1e-6, 0.0, gap_P.sign())
            score_PK = torch.stack([sign_P, -sign_P], dim=1)
        target_PK = (point.rho * log_p_PK.detach() + score_PK / point.tau).exp()
        target_PK = target_PK / target_PK.sum(1, keepdim=True)
        return -(target_PK * (log_p_PK - log_p_PK.exp().sum(1, keepdim=True).log())).sum(1)

    return loss_of
