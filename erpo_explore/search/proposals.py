"""Proposed points: drawn from the ranges of a search, or perturbed from another point.

In the unit cube of `region.Region`:

    resampled:  u ~ U[0, 1]
    perturbed:  u' = clip(u + N(0, σ²)), σ = 0.2

A category is kept or resampled. A path may also jump to a candidate, a named algorithm that lies outside of all ranges.
This is random perturbation as in PBT (Jaderberg et al. 2017). Left out: a model of the gains of earlier knots, as in
PB2, which ranked below maximum likelihood (docs/schedulers.md).

Shapes: D searched numeric coordinates.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.search.monotone import raise_exploration
from erpo_explore.search.region import Categories, Region
from erpo_explore.space import Algorithm, Point
from erpo_explore.space.reward import WEIGHTS

__all__ = ["candidate_points", "first_knot", "grid_points", "nearest_knot", "perturb", "random_point", "start_point"]

_SIGMA: Final = 0.2
_P_STAY: Final = 0.5
"""Probability that a path at a candidate keeps it for another knot."""

_ROUNDING: Final = 1e-9
"""The levels 0.1, 0.3 and 0.6 of a grid sum to more than 1 in floating point."""


def start_point(search: Search, metric: str) -> Point:
    """Start of every member: `search.start` with metric, prefix and label of the search, the first of their choices."""
    return Region.from_search(search, metric).start


def random_point(search: Search, metric: str, generator: np.random.Generator) -> Point:
    """Point with resampled searched coordinates; the others are those of `search.start`."""
    region = Region.from_search(search, metric)
    unit_D = _random_vector(region, search, generator)
    return region.point(unit_D, _resampled(region, region.to_unit(region.start)[1], 1.0, generator))


def first_knot(search: Search, metric: str, generator: np.random.Generator) -> Point:
    """First knot of a member after its start.

    A candidate with probability `search.p_candidate`, else a random point. With `search.monotone` it explores at least
    as much as the start.
    """
    if (candidate := _maybe_candidate(candidate_points(search, metric), search, generator)) is not None:
        return candidate
    return nearest_knot(random_point(search, metric, generator), search, metric)


def nearest_knot(point: Point, search: Search, metric: str, *, after: Point | None = None) -> Point:
    """Nearest legal knot to any point: in the region, and monotone if `search.monotone` is set.

    Args:
        point: Any point.
        search: The region, and whether exploration may decrease.
        metric: Name of the task's own metric.
        after: End of the path so far; the start by default.
    """
    region = Region.from_search(search, metric)
    unit_D, categories = region.to_unit(point.main)
    if search.monotone:
        unit_D = raise_exploration(region, unit_D, after or region.start)
    return region.point(unit_D, categories)


def perturb(point: Point, search: Search, metric: str, generator: np.random.Generator) -> Point:
    """Next knot after a point.

    Each searched coordinate is perturbed, or resampled with probability `search.resample`. A category is kept, or
    resampled with the same probability. The knot is the start again with probability `search.p_start`. With
    `search.monotone` it explores at least as much as `point`.

    The knot is a candidate with probability `search.p_candidate`. After a candidate the path stays there with
    probability 0.5, else its next knot is drawn around the start, since the region has no point near a candidate. On
    the way to a candidate, and back, the path is a blend. After a blend the next knot is drawn around its main part.
    """
    region = Region.from_search(search, metric)
    candidates = candidate_points(search, metric)
    point = point.main
    if point in candidates:
        if generator.random() < _P_STAY:
            return point
        point = region.start
    elif (candidate := _maybe_candidate(candidates, search, generator)) is not None:
        return candidate
    unit_D, categories = region.to_unit(point)
    perturbed_D = np.clip(unit_D + _SIGMA * generator.standard_normal(unit_D.shape), 0.0, 1.0)
    resample_D = generator.random(unit_D.shape) < search.resample
    next_D = np.where(resample_D, _random_vector(region, search, generator), perturbed_D)
    if generator.random() < search.p_start:
        return nearest_knot(region.start, search, metric, after=point)
    if search.monotone:
        next_D = raise_exploration(region, next_D, point)
    return region.point(next_D, _resampled(region, categories, search.resample, generator))


def grid_points(search: Search, metric: str) -> list[Point]:
    """Every combination of `search.levels` values per searched coordinate and of choices that fits the simplex.

    Raises:
        ConfigError: No combination fits.
    """
    region = Region.from_search(search, metric)
    # a single level is the lower bound
    levels = np.linspace(0.0, 1.0, search.levels).tolist()
    vectors = [np.array(units) for units in itertools.product(levels, repeat=len(region.ranges))]
    fitting = [unit_D for unit_D in vectors if region.total_weight(unit_D) <= 1.0 + _ROUNDING]
    if not fitting:
        raise ConfigError(
            "search.ranges has no point on the simplex: noise, task and model must be able to sum to 1 or less, "
            f"got {', '.join(f'{name} {list(limits)}' for name, limits in search.ranges.items())}; lower them"
        )
    categories = list(itertools.product(*region.choices))
    # a coordinate with equal bounds has a single level
    return list(dict.fromkeys(region.point(unit_D, chosen) for unit_D in fitting for chosen in categories))


def candidate_points(search: Search, metric: str) -> list[Point]:
    """The candidates as points."""
    return [
        Algorithm(name=name, settings=settings).path(search.metric or metric).end
        for name, settings in search.candidates.items()
    ]


def _maybe_candidate(candidates: Sequence[Point], search: Search, generator: np.random.Generator) -> Point | None:
    """One of the candidates with probability `search.p_candidate`, else None."""
    if not candidates or generator.random() >= search.p_candidate:
        return None
    return candidates[int(generator.integers(len(candidates)))]


def _random_vector(region: Region, search: Search, generator: np.random.Generator) -> Float[np.ndarray, " D"]:
    """Uniform unit vector, in which each weight is at its lower bound with probability `search.p_lowest`.

    Three weights that are uniform up to 0.4 leave the truth weight 0.4 on average and hardly ever leave all of it. So
    whether a weight is present at all is drawn separately.
    """
    uniform_D = generator.random(len(region.ranges))
    lowest_D = generator.random(len(region.ranges)) < search.p_lowest
    weights_D = np.array([name in WEIGHTS for name in region.ranges], bool)
    return np.where(lowest_D & weights_D, 0.0, uniform_D)


def _resampled(
    region: Region, categories: Categories, probability: float, generator: np.random.Generator
) -> Categories:
    """Categories, each resampled from its choices with a probability."""
    metric, prefix, label = (
        str(generator.choice(values)) if len(values) > 1 and generator.random() < probability else kept
        for kept, values in zip(categories, region.choices, strict=True)
    )
    return metric, prefix, label
