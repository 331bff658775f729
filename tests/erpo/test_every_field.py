"""What a point accepts has an effect: each field that is changed changes a step's gradient, or is refused."""

import dataclasses
import math

import pytest
import torch

from erpo_explore.errors import ConfigError
from erpo_explore.space import Point, Reward, algorithm
from erpo_explore.space.estimator import BASELINES, KINDS, NORMALISATIONS, SCALES, Estimator
from erpo_explore.space.point import ANCHORS

from .expected import step
from .test_exactness import INSIDE, POINTS
from .tiny import gradient, tiny_model

SOURCES = 96

BASES = {
    name: POINTS[name]
    for name in (
        *("mle@0", "label_smoothing@0", "data_noising@0", "scheduled_sampling@1", "mixer@0.75", "blank"),
        *("raml@0", "raml_stratified@0", "raml_ngram@0", "spg@0", "grpo@0", "policy_gradient@0", "minimum_risk@0"),
        *("target_policy@0", "best of 2 in 3", "all, trusted", "halfway", "sequence, halfway", "truth + noise, forced"),
    )
}

BASES |= {
    "penalty": dataclasses.replace(POINTS["grpo@0"], anchor="frozen", kappa=0.3),
    "anchored": dataclasses.replace(POINTS["halfway"], anchor="ema"),
    "anchored target policy": dataclasses.replace(POINTS["target_policy@0"], anchor="frozen"),
}

REWARDS = {
    "truth": Reward(truth=1.0),
    "noise": Reward(noise=1.0),
    "model": Reward(model=1.0),
    "task": Reward(task=1.0),
    "inside": Reward(**INSIDE),
}
VALUES = {
    "alpha": (0.0, 0.5, 2.0, math.inf),
    "beta": (0.0, 0.3, 3.0),
    "prefix": ("truth", "q", "model"),
    "label": ("sampled", "expected", "truth"),
    "forced": (0.0, 0.2, 0.9, 1.0),
    "anchor": ANCHORS,
    "kappa": (0.0, 0.5),
    "reward": REWARDS.values(),
    "reward.metric": ("bleu", "rouge", "edit", "constant"),
    "reward.temperature": (0.3, 1.0),
    "reward.noise_kind": ("unigram", "uniform", "blank"),
    "estimator.kind": KINDS,
    "estimator.samples": (1, 2, 3),
    "estimator.baseline": BASELINES,
    "estimator.scale": SCALES,
    "estimator.normalise": NORMALISATIONS,
    "estimator.sharpness": (0.3, 1.0),
    "estimator.best_of": (None, 2, 3),
    "estimator.with_reference": (False, True),
}


def is_inert(point: Point, field: str) -> bool:
    """Whether a field cannot have an effect by the mathematics; a path to another point still carries it."""
    reward = point.reward
    if reward.is_truth:  # q is the reference, whatever its temperature, its prefix and the number of draws
        return field != "reward"
    return (field in ("reward.metric", "reward.temperature") and reward.task == 0.0) or (
        field == "reward.noise_kind" and reward.noise == 0.0
    )


def changed(point: Point, field: str, value: object) -> Point:
    outer, _, inner = field.partition(".")
    if not inner:
        return dataclasses.replace(point, **{outer: value})
    return dataclasses.replace(point, **{outer: dataclasses.replace(getattr(point, outer), **{inner: value})})


def held(point: Point, field: str) -> object:
    for name in field.split("."):
        point = getattr(point, name)
    return point


def default_of(point: Point, field: str) -> object:
    """The value that an unset field stands for."""
    chosen = {"estimator.baseline": point.estimator.chosen_baseline, "estimator.scale": point.estimator.chosen_scale}
    return chosen.get(field)


def step_gradient(point: Point, model: torch.nn.Module) -> torch.Tensor:
    anchors = {"frozen": tiny_model(seed=9), "ema": tiny_model(seed=10)}
    return gradient(step(point, model, copies=SOURCES, anchors=anchors).loss, model)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.mark.parametrize("field", VALUES)
@pytest.mark.parametrize("base", BASES)
def test_it_changes_the_gradient_or_is_refused(base, field, model):
    point = BASES[base]
    if is_inert(point, field):
        return
    before_P = step_gradient(point, model)
    for value in VALUES[field]:
        if held(point, field) == value or value == default_of(point, field):
            continue
        try:
            other = changed(point, field, value)
        except ConfigError:
            continue
        after_P = step_gradient(other, model)
        assert float((after_P - before_P).norm()) > 1e-4 * float(before_P.norm()), f"{other} trains as {point} does"


def test_every_field_is_changed():
    fields = {field.name for field in dataclasses.fields(Point)} - {"reward", "estimator"}
    fields |= {f"estimator.{field.name}" for field in dataclasses.fields(Estimator)}
    fields |= {f"reward.{field.name}" for field in dataclasses.fields(Reward)}
    # `test_blend`, `test_reuse` and tests/trial/test_rate.py have the effects of these
    fields -= {"blend", "estimator.reuse", "estimator.clip", "rate"}
    weights = {f"reward.{name}" for name in ("truth", "noise", "task", "model")}  # their sum is 1: changed as a whole
    assert fields - weights == VALUES.keys() - {"reward"}
    assert algorithm("mle").path("bleu").end in BASES.values()
