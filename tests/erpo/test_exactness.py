"""Draws and gradients of every algorithm, and of points all over the space, against enumeration."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
import torch

from erpo_explore.space import ALGORITHMS, Point, algorithm
from erpo_explore.space.estimator import Estimator

from .expected import (
    MAX_TOKENS,
    draw,
    enumeration,
    estimates,
    exact_loss,
    is_offline,
    mixed,
    offline_targets,
    task,
    tree_of,
    weighted,
    words_of,
)
from .tiny import gradient, targets_of, tiny_model, z_scores

NUM_DRAWS = 10_000

SETTINGS = {
    "raml": {"temperature": 0.7},
    "raml_stratified": {"temperature": 0.25},
    "raml_ngram": {"samples": 3},
    "spg": {"weight": 4.0},
    "grpo": {"samples": 2},
    "minimum_risk": {"samples": 2},
    "target_policy": {"samples": 2},
    "scheduled_sampling": {"rate": 0.5},
    "interpolation": {"temperature": 0.1},
}
"""Settings that leave probabilities away from 0 and 1 in this tiny world, and K small enough to enumerate groups."""


def points_of_baselines() -> dict[str, Point]:
    """Each algorithm at the beginning, in the middle and at the end of its path."""
    found: dict[str, Point] = {}
    for name in ALGORITHMS:
        path = algorithm(name, **(SETTINGS.get(name) or {})).path("bleu")
        for at in (0.0, 0.5, 0.75, 1.0):
            if at == 0.0 or path.at(at) not in found.values():
                found[f"{name}@{at:g}"] = path.at(at)
    return found


INSIDE = {"truth": 0.3, "noise": 0.2, "task": 0.3, "model": 0.2, "metric": "edit"}
SCORED = "tests.erpo.tiny:scored_reward"
TOKEN_POINTS = {
    "bleu, τ = 0.2": task(0.0, 0.2),
    "rouge, τ = 1, τ_R = 0.1": task(0.0, 1.0, "rouge", 0.1),
    "edit, τ = 3": task(0.0, 3.0, "edit"),
    "halfway": task(0.5, 0.5, "rouge", 0.3),
    "halfway, cold": task(0.1, 0.1, "edit"),
    "halfway, hot": task(5.0, 5.0, "bleu", 0.05),
    "trust alone": task(1.0, 0.0, "bleu", 0.25),
    "trust alone, τ = 0.3": task(0.3, 0.0, "edit"),
    "noise": mixed(noise=1.0),
    "model": mixed(model=1.0),
    "model, trusted twice": mixed(1.0, 0.0, model=1.0),
    "truth + noise": mixed(truth=0.7, noise=0.3),
    "truth + noise, uniform": mixed(truth=0.5, noise=0.5, noise_kind="uniform"),
    "truth + noise, τ = 2": mixed(beta=2.0, truth=0.7, noise=0.3),
    "truth + noise, trusted": mixed(0.5, 0.5, truth=0.7, noise=0.3),
    "truth + task": mixed(truth=0.5, task=0.5, metric="rouge", temperature=0.1),
    "truth + model": mixed(truth=0.5, model=0.5),
    "noise + task": mixed(noise=0.4, task=0.6, metric="edit"),
    "task + model": mixed(task=0.5, model=0.5, temperature=0.1),
    "all": mixed(**INSIDE),
    "all, τ = 0.5": mixed(beta=0.5, **INSIDE),
    "all, trusted": mixed(0.5, 1.5, **INSIDE),
}
"""Corners, edges and the inside of the simplex, of α and β, and of the temperatures."""

LEVERED = {
    f"{name}, {prefix}, {label}": dataclasses.replace(TOKEN_POINTS[name], prefix=prefix, label=label)
    for name in ("edit, τ = 3", "halfway", "truth + noise")
    for prefix in ("truth", "q", "model")
    for label in ("sampled", "expected", "truth")
    if (prefix, label) not in (("q", "sampled"), ("truth", "truth"))
}
FORCED = {
    "halfway, forced": task(0.5, 0.5, "rouge", 0.3, forced=0.3),
    "truth + noise, forced": mixed(truth=0.7, noise=0.3, levers={"forced": 0.5}),
    "edit, forced, expected": task(0.0, 1.0, "edit", forced=0.3, label="expected"),
    "all, forced, expected": mixed(levers={"forced": 0.5, "label": "expected"}, **INSIDE),
    "truth + noise, forced, expected": mixed(truth=0.7, noise=0.3, levers={"forced": 0.5, "label": "expected"}),
    "policy gradient, forced": task(math.inf, 0.0, forced=0.3),
    "entropy bonus, forced": task(math.inf, 0.2, forced=0.3),
}


GROUPED = {
    "sequence, spg": task(1.0, 0.0, "bleu", 0.25, estimator=weighted("sequence")),
    "sequence, raml": task(0.0, 0.7, "edit", estimator=weighted("sequence")),
    "sequence, halfway": task(0.5, 0.5, "rouge", 0.3, estimator=weighted("sequence")),
    "sequence, all": mixed(0.5, 1.5, levers={"estimator": weighted("sequence")}, **INSIDE),
    "sequence, scored": task(0.5, 0.3, SCORED, estimator=weighted("sequence")),
    "no baseline": task(math.inf, 0.0, estimator=Estimator(baseline="none")),
    "leave one out, edit": task(math.inf, 0.0, "edit", estimator=Estimator(samples=3, baseline="leave_one_out")),
    "self-critical, scored": task(math.inf, 0.0, SCORED),
    "entropy bonus": task(math.inf, 0.3, estimator=Estimator(samples=2, baseline="leave_one_out")),
    "entropy bonus, one draw": task(math.inf, 0.1, "edit", estimator=Estimator(baseline="none")),
    "entropy bonus, group": task(math.inf, 0.2, estimator=Estimator(samples=2, baseline="group")),
    "group, edit": task(math.inf, 0.0, "edit", estimator=Estimator(samples=2, baseline="group")),
    "risk, edit, a = 1": task(math.inf, 0.0, "edit", estimator=weighted("minimum_risk")),
    "risk, scored, a = 0.3": task(math.inf, 0.0, SCORED, estimator=weighted("minimum_risk", sharpness=0.3)),
    "best of 2 in 2": task(1.0, 0.0, estimator=weighted("best_of")),
    "best of 2 in 4, edit": task(1.0, 0.0, "edit", estimator=weighted("best_of", samples=4, best_of=2)),
    "best of 2 in 3": task(1.0, 0.0, SCORED, estimator=weighted("best_of", samples=3, best_of=2)),
    "best of 4 in 4": task(1.0, 0.0, "rouge", estimator=weighted("best_of", samples=4)),
    "target policy, none": task(1.0, 0.0, "edit", estimator=weighted("target_policy", baseline="none")),
    "target policy, ρ = 0.5": task(0.5, 0.5, "rouge", estimator=weighted("target_policy")),
    "target policy, scored": task(1.0, 0.0, SCORED, estimator=weighted("target_policy", baseline="none")),
}
BLANKED = {"blank": mixed(truth=0.6, noise=0.4, noise_kind="blank", levers={"label": "truth"})}
POINTS = points_of_baselines() | TOKEN_POINTS | LEVERED | FORCED | GROUPED | BLANKED


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(params=POINTS)
def point(request):
    return POINTS[request.param]


def assert_drawn_from(drawn: list[object], probability: dict[object, float]):
    """Chi-square of drawn counts against probabilities; cells that expect fewer than 5 are merged.

    What `probability` lacks to 1 is for what it does not hold.
    """
    rest = 1.0 - sum(probability.values())
    assert rest > -1e-5
    counts = dict.fromkeys(probability, 0)
    for outcome in drawn:
        counts[outcome] = counts.get(outcome, 0) + 1
    expected = {outcome: probability.get(outcome, 0.0) * len(drawn) for outcome in counts}
    if rest < 1e-5:
        assert all(expected[outcome] > 0.0 for outcome, count in counts.items() if count > 0)
    often = [outcome for outcome in counts if expected[outcome] >= 5.0]
    cells = [(counts[outcome], expected[outcome]) for outcome in often]
    rare = len(drawn) - sum(count for count, _ in cells), len(drawn) - sum(e for _, e in cells)
    if rare[1] > 0.01 * len(drawn) ** 0.5 or rare[0] > 0:
        cells.append(rare)
    if len(cells) > 1:
        observed, predicted = np.array(cells, dtype=float).T
        assert scipy.stats.chisquare(observed, predicted * observed.sum() / predicted.sum()).pvalue > 1e-3


def test_drawn_targets_have_their_exact_frequencies(point, model):
    drawn = draw(point, model, NUM_DRAWS)
    if is_offline(point):
        assert_drawn_from(words_of(targets_of(drawn, drawn.labels_RT.shape[1])), offline_targets(point))
        return
    if point.prefix == "q" and point.label != "truth":
        probability = tree_of(point, model).targets()
        assert_drawn_from(words_of(targets_of(drawn, MAX_TOKENS)), probability)
        return
    cells_at: dict[int, dict[object, float]] = {}
    for prefix, reach, label_V in tree_of(point, model).positions():
        for label, share in enumerate(label_V.tolist()):
            if share > 0.0:
                cells = cells_at.setdefault(len(prefix), {})
                cells[(*prefix, label)] = cells.get((*prefix, label), 0.0) + reach * share
    for t, probability in cells_at.items():
        drawn_RT = torch.cat([drawn.inputs_RT[:, 1 : t + 1], drawn.labels_RT[:, t : t + 1]], dim=1)
        kept = drawn.keep_RT[:, t].tolist()
        observed = [tuple(row) if keep else "ended" for row, keep in zip(drawn_RT.tolist(), kept, strict=True)]
        ended = max(0.0, 1.0 - sum(probability.values()))
        assert_drawn_from(observed, probability | ({"ended": ended} if ended > 1e-6 else {}))


@pytest.mark.parametrize("name", TOKEN_POINTS)
def test_both_oracles_give_the_same_distribution(name, model):
    exact = enumeration(TOKEN_POINTS[name], model)
    walked = tree_of(TOKEN_POINTS[name], model).targets()
    enumerated = dict(zip(words_of(exact.tokens_NL), exact.log_q_token_N.exp().tolist(), strict=True))
    assert walked == pytest.approx({t: p for t, p in enumerated.items() if p > 0.0}, rel=1e-4, abs=1e-7)


def test_the_mean_gradient_is_exact(point, model):
    exact = exact_loss(point, model)
    losses_K, gradients_KP = estimates(point, model)
    assert z_scores(gradients_KP, gradient(exact, model)).max() < 6.0
    # REINFORCE's loss is not an objective; only its gradient has a meaning
    if not point.is_policy_gradient or point.estimator.kind != "token" or point.forced == 1.0:
        assert z_scores(losses_K[:, None], exact.detach()[None]).max() < 6.0
