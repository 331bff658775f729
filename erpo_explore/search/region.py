"""The searched region: a map between points and the unit cube.

    u = (c − low) / (high − low),   u = (log c − log low) / (log high − log low) for temperatures

for each numeric coordinate c of `search.ranges`. Metric, prefix and label take one of their choices each.

Weights that sum to more than 1 are scaled back to the simplex; the remainder below 1 is the truth weight. So several
unit vectors may give the same point, and a scaled weight may lie under a lower bound above 0.

Shapes: D searched numeric coordinates, in the order of `COORDINATES`, independent of the order of the ranges.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from erpo_explore.config.search import COORDINATES, Search
from erpo_explore.space import Point, Reward
from erpo_explore.space.point import weights_of

__all__ = ["FREE_WEIGHTS", "LOG_SCALED", "Categories", "Region"]

Categories = tuple[str, str, str]
"""Metric, prefix and label of a point."""

FREE_WEIGHTS: Final = ("noise", "task", "model")
"""The weights that are coordinates; the truth weight is the remainder."""

LOG_SCALED: Final = ("temperature", "tau")
"""The coordinates that are scaled in their logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The set of points that a search may propose.

    Attributes:
        ranges: Lowest and highest value of each searched coordinate.
        choices: Values of metric, prefix and label; a single value if it is not searched.
        start: Point where members begin; it holds the coordinates that are not searched.
    """

    ranges: Mapping[str, tuple[float, float]]
    choices: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    start: Point

    @classmethod
    def from_search(cls, search: Search, metric: str) -> "Region":
        """Region of a search.

        Args:
            search: Ranges, choices and start.
            metric: Metric of the task weight if the search has none.
        """
        choices = (
            search.choices.get("metric", (search.metric or metric,)),
            search.choices.get("prefix", (search.prefix,)),
            search.choices.get("label", (search.label,)),
        )
        first = (choices[0][0], choices[1][0], choices[2][0])
        return cls(
            ranges={name: search.ranges[name] for name in COORDINATES if name in search.ranges},
            choices=choices,
            start=_assemble(_coordinates(search.start), first, search.start),
        )

    def to_unit(self, point: Point) -> tuple[Float[np.ndarray, " D"], Categories]:
        """Unit vector and categories of a point.

        A coordinate outside of its range is moved to the nearer bound. An unknown category becomes the first choice.
        """
        written = (point.reward.metric, point.prefix, point.label)
        metric, prefix, label = (
            value if value in values else values[0] for value, values in zip(written, self.choices, strict=True)
        )
        return self.unit_vector(_coordinates(point)), (metric, prefix, label)

    def unit_vector(self, coordinates: Mapping[str, float]) -> Float[np.ndarray, " D"]:
        """Unit vector of the searched coordinates, each moved into its range."""
        units = [_to_unit(name, coordinates[name], *limits) for name, limits in self.ranges.items()]
        return np.array(units, np.float64)

    def point(self, unit_D: Float[np.ndarray, " D"], categories: Categories) -> Point:
        """Point of a unit vector and categories."""
        return _assemble(_coordinates(self.start) | self.coordinates(unit_D), categories, self.start)

    def coordinates(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        """Searched coordinates of a unit vector, before weights are scaled back."""
        pairs = zip(self.ranges.items(), unit_D.tolist(), strict=True)
        return {name: _from_unit(name, unit, *limits) for (name, limits), unit in pairs}

    def total_weight(self, unit_D: Float[np.ndarray, " D"]) -> float:
        """Sum of noise, task and model before it is scaled back; above 1 outside of the simplex."""
        coordinates = _coordinates(self.start) | self.coordinates(unit_D)
        return math.fsum(coordinates[name] for name in FREE_WEIGHTS)


def _to_unit(name: str, value: float, low: float, high: float) -> float:
    scaled, bottom, top = (math.log(x) if name in LOG_SCALED else x for x in (value, low, high))
    return min(max((scaled - bottom) / (top - bottom), 0.0), 1.0) if bottom < top else 0.0


def _from_unit(name: str, unit: float, low: float, high: float) -> float:
    # return the bounds bit-equal, which exp(log(x)) does not guarantee
    if not 0.0 < unit < 1.0:
        return low if unit <= 0.0 else high
    if name in LOG_SCALED:
        value = math.exp((1.0 - unit) * math.log(low) + unit * math.log(high))
    else:
        value = (1.0 - unit) * low + unit * high
    return min(max(value, low), high)


def _coordinates(point: Point) -> dict[str, float]:
    """All numeric coordinates of a point."""
    weights = {name: getattr(point.reward, name) for name in FREE_WEIGHTS}
    return weights | {"temperature": point.reward.temperature, "rho": point.rho, "tau": point.tau}


def _assemble(coordinates: Mapping[str, float], categories: Categories, start: Point) -> Point:
    """Point of all numeric coordinates, with its weights on the simplex."""
    metric, prefix, label = categories
    weights = {name: coordinates[name] for name in FREE_WEIGHTS}
    total = math.fsum(weights.values())
    if total > 1.0:
        weights = {name: weight / total for name, weight in weights.items()}
    reward = Reward(
        truth=max(0.0, 1.0 - math.fsum(weights.values())),
        noise=weights["noise"],
        task=weights["task"],
        model=weights["model"],
        metric=metric,
        temperature=coordinates["temperature"],
        noise_kind=start.reward.noise_kind,
    )
    alpha, beta = weights_of(coordinates["rho"], coordinates["tau"])
    return Point(
        reward=reward,
        alpha=alpha,
        beta=beta,
        prefix=prefix,  # type: ignore[arg-type]
        label=label,  # type: ignore[arg-type]
        rate=start.rate,
    )
