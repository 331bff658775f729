"""Where to try next: points drawn from the ranges of a search space, and points near another one.

    resampled:  c ~ U[low, high], in log for temperatures
    moved:      c' = clip(c + N(0, σ²) (high − low)), σ = 0.2, in log for temperatures

Weights that sum to more than 1 are scaled back to the simplex; what is left over is truth. This is random perturbation,
the baseline of PBT (Jaderberg et al. 2017); proposals that learn from earlier ones come beside it.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from erpo_explore.errors import ConfigError
from erpo_explore.space import Point, Reward
from erpo_explore.space.point import weights_of
from erpo_explore.space.search import Search

__all__ = ["first_point", "grid_points", "move", "random_point", "rng"]

_STEP: Final = 0.2
_LOG_SCALED: Final = ("temperature", "tau")
_MIXED: Final = ("noise", "task", "model")
_ROUNDING: Final = 1e-9
"""The levels 0.1, 0.3 and 0.6 of a grid sum to more than 1 in floating point."""


def rng(*key: int) -> np.random.Generator:
    """The generator of one decision, named by whole numbers, so that a repeated decision is the same decision."""
    return np.random.default_rng(np.random.SeedSequence(key))


def first_point(search: Search, metric: str) -> Point:
    """Where every member begins: `search.start`, with the levers of the searched points."""
    return _assemble(_coordinates(search.start), search, metric)


def random_point(search: Search, metric: str, generator: np.random.Generator) -> Point:
    """A point whose searched coordinates are drawn anew; the others are those of `search.start`."""
    drawn = {name: _resample(name, low, high, generator) for name, (low, high) in search.ranges.items()}
    return _assemble(_coordinates(search.start) | drawn, search, metric)


def move(point: Point, search: Search, metric: str, generator: np.random.Generator) -> Point:
    """A point near another one: each searched coordinate is moved, or with a chance of `search.resample` drawn anew."""
    coordinates = _coordinates(point)
    for name, (low, high) in search.ranges.items():
        if generator.random() < search.resample:
            coordinates[name] = _resample(name, low, high, generator)
        else:
            start = min(max(coordinates[name], low), high)
            shift = _STEP * generator.standard_normal()
            if name in _LOG_SCALED:
                moved = math.exp(math.log(start) + shift * (math.log(high) - math.log(low)))
            else:
                moved = start + shift * (high - low)
            coordinates[name] = min(max(moved, low), high)
    return _assemble(coordinates, search, metric)


def grid_points(search: Search, metric: str) -> list[Point]:
    """Every combination of `search.levels` values of each searched coordinate that fits the simplex.

    Raises:
        ConfigError: None does.
    """
    axes = []
    for name, (low, high) in search.ranges.items():
        spaced = np.geomspace if name in _LOG_SCALED else np.linspace
        axes.append([(name, float(value)) for value in spaced(low, high, search.levels)])
    points: dict[Point, None] = {}
    for combination in itertools.product(*axes):
        coordinates = _coordinates(search.start) | dict(combination)
        if math.fsum(coordinates[name] for name in _MIXED) <= 1.0 + _ROUNDING:
            points[_assemble(coordinates, search, metric)] = None
    if not points:
        raise ConfigError(
            "search.ranges has no point on the simplex: noise, task and model must be able to sum to 1 or less, "
            f"got {', '.join(f'{name} {list(limits)}' for name, limits in search.ranges.items())}; lower them"
        )
    return list(points)


def _resample(name: str, low: float, high: float, generator: np.random.Generator) -> float:
    if name in _LOG_SCALED:
        return math.exp(generator.uniform(math.log(low), math.log(high)))
    return float(generator.uniform(low, high))


def _coordinates(point: Point) -> dict[str, float]:
    reward = point.reward
    return {
        "noise": reward.noise,
        "task": reward.task,
        "model": reward.model,
        "temperature": reward.temperature,
        "rho": point.rho,
        "tau": point.tau,
    }


def _assemble(coordinates: Mapping[str, float], search: Search, metric: str) -> Point:
    mixed = {name: coordinates[name] for name in _MIXED}
    total = math.fsum(mixed.values())
    if total > 1.0:
        mixed = {name: weight / total for name, weight in mixed.items()}
    reward = Reward(
        truth=max(0.0, 1.0 - math.fsum(mixed.values())),
        noise=mixed["noise"],
        task=mixed["task"],
        model=mixed["model"],
        metric=search.metric or metric,
        temperature=coordinates["temperature"],
        noise_kind=search.start.reward.noise_kind,
    )
    alpha, beta = weights_of(coordinates["rho"], coordinates["tau"])
    return Point(reward=reward, alpha=alpha, beta=beta, prefix=search.prefix, label=search.label)
