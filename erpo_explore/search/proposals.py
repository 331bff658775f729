"""Where to try next: points drawn from the ranges of a search space, and points near another one.

In the unit cube of `region.Region`:

    resampled:  u ~ U[0, 1]
    moved:      u' = clip(u + N(0, σ²)), σ = 0.2

A category is kept, or drawn anew. A candidate, a point that no range reaches, is visited or left. This is random
perturbation, as in PBT (Jaderberg et al. 2017).
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float

from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.search.monotone import raised
from erpo_explore.search.region import Categories, Region
from erpo_explore.space import Algorithm, Point
from erpo_explore.space.reward import WEIGHTS

__all__ = ["first_knot", "first_point", "grid_points", "move", "nearest_knot", "random_point", "rng"]

_STEP: Final = 0.2
_STAY: Final = 0.5
_ROUNDING: Final = 1e-9
"""The levels 0.1, 0.3 and 0.6 of a grid sum to more than 1 in floating point."""


def rng(*key: int) -> np.random.Generator:
    """The generator of one decision, named by whole numbers, so that a repeated decision is the same decision."""
    return np.random.default_rng(np.random.SeedSequence(key))


def first_point(search: Search, metric: str) -> Point:
    """Where every member begins: `search.start`, with the levers of the searched points, the first of their choices."""
    return Region.of(search, metric).start


def random_point(search: Search, metric: str, generator: np.random.Generator) -> Point:
    """A point whose searched coordinates are drawn anew; the others are those of `search.start`."""
    region = Region.of(search, metric)
    place_D = _anywhere(region, search, generator)
    return region.point(place_D, _drawn(region, region.to_unit(region.start)[1], 1.0, generator))


def first_knot(search: Search, metric: str, generator: np.random.Generator) -> Point:
    """Where a member walks to from its start: a random point, under `search.monotone` one that explores no less.

    With a chance of `search.p_candidate` it is a candidate.
    """
    if (candidate := _visited(_candidates(search, metric), search, generator)) is not None:
        return candidate
    return nearest_knot(random_point(search, metric, generator), search, metric)


def nearest_knot(point: Point, search: Search, metric: str, *, beyond: Point | None = None) -> Point:
    """What a member can walk to that is nearest to any point: in the region, and monotone where that is asked.

    Args:
        point: Any point.
        search: The region, and whether exploration may shrink.
        metric: The task's own metric.
        beyond: Where the member stands; the start if left out.
    """
    region = Region.of(search, metric)
    unit_D, categories = region.to_unit(point)
    return region.point(raised(region, unit_D, beyond or region.start) if search.monotone else unit_D, categories)


def move(point: Point, search: Search, metric: str, generator: np.random.Generator) -> Point:
    """A point near another one, or, with a chance of `search.p_start`, the start again.

    Each searched coordinate is moved, or with a chance of `search.resample` drawn anew. A category is kept, or drawn
    anew with the same chance. Under `search.monotone` it explores no less than `point`.

    With a chance of `search.p_candidate` it is a candidate. One is kept with a chance of a half, or left for a point
    near the start, since nothing of the region lies near it.
    """
    region = Region.of(search, metric)
    candidates = _candidates(search, metric)
    if point in candidates:
        if generator.random() < _STAY:
            return point
        point = region.start
    elif (candidate := _visited(candidates, search, generator)) is not None:
        return candidate
    unit_D, categories = region.to_unit(point)
    moved_D = np.clip(unit_D + _STEP * generator.standard_normal(unit_D.shape), 0.0, 1.0)
    anew_D = generator.random(unit_D.shape) < search.resample
    next_D = np.where(anew_D, _anywhere(region, search, generator), moved_D)
    if generator.random() < search.p_start:
        return nearest_knot(region.start, search, metric, beyond=point)
    if search.monotone:
        next_D = raised(region, next_D, point)
    return region.point(next_D, _drawn(region, categories, search.resample, generator))


def _candidates(search: Search, metric: str) -> list[Point]:
    return [
        Algorithm(name=name, settings=settings).path(search.metric or metric).end
        for name, settings in search.candidates.items()
    ]


def _visited(candidates: Sequence[Point], search: Search, generator: np.random.Generator) -> Point | None:
    """One of the candidates, with a chance of `search.p_candidate`."""
    if not candidates or generator.random() >= search.p_candidate:
        return None
    return candidates[int(generator.integers(len(candidates)))]


def _anywhere(region: Region, search: Search, generator: np.random.Generator) -> Float[np.ndarray, " D"]:
    """A place drawn anew: uniform, but for weights that are left out with a chance of `search.p_lowest`.

    Three weights that are uniform up to 0.4 leave the truth 0.4 in the mean, and hardly ever all of it; which of them
    there is at all is a question of its own.
    """
    drawn_D = generator.random(len(region.ranges))
    absent_D = generator.random(len(region.ranges)) < search.p_lowest
    weights_D = np.array([name in WEIGHTS for name in region.ranges], bool)
    return np.where(absent_D & weights_D, 0.0, drawn_D)


def grid_points(search: Search, metric: str) -> list[Point]:
    """Every combination of `search.levels` values of each searched coordinate, and of choices, that fits the simplex.

    Raises:
        ConfigError: None does.
    """
    region = Region.of(search, metric)
    # one level is the lower bound
    levels = np.linspace(0.0, 1.0, search.levels).tolist()
    places = [np.array(units) for units in itertools.product(levels, repeat=len(region.ranges))]
    fitting = [unit_D for unit_D in places if region.mixed(unit_D) <= 1.0 + _ROUNDING]
    if not fitting:
        raise ConfigError(
            "search.ranges has no point on the simplex: noise, task and model must be able to sum to 1 or less, "
            f"got {', '.join(f'{name} {list(limits)}' for name, limits in search.ranges.items())}; lower them"
        )
    categories = list(itertools.product(*region.choices))
    # a coordinate whose bounds are equal has one level
    return list(dict.fromkeys(region.point(unit_D, chosen) for unit_D in fitting for chosen in categories))


def _drawn(region: Region, categories: Categories, chance: float, generator: np.random.Generator) -> Categories:
    """The categories, each drawn anew from its choices with some chance."""
    metric, prefix, label = (
        str(generator.choice(values)) if len(values) > 1 and generator.random() < chance else kept
        for kept, values in zip(categories, region.choices, strict=True)
    )
    return metric, prefix, label
