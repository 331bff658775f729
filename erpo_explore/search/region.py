"""The searched region of a search space: its coordinates, scaled to the unit cube, and back to points.

    u = (c − low) / (high − low),   u = (log c − log low) / (log high − log low) for temperatures

for the numeric coordinates c of `search.ranges`, and one of its choices for metric, prefix and label each. Weights that
sum to more than 1 are scaled back to the simplex; what is left over is truth. So several places of the cube may be the
same point, and where weights are scaled back, one with a lower bound above 0 may come to lie under it.

Shapes: D searched numeric coordinates, in the order of `COORDINATES` whatever that of the ranges.
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

__all__ = ["LOG_SCALED", "MIXED", "Categories", "Region"]

Categories = tuple[str, str, str]
"""Metric, prefix and label of a point."""

MIXED: Final = ("noise", "task", "model")
"""The weights that are coordinates; truth is what they leave."""

LOG_SCALED: Final = ("temperature", "tau")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where points may lie.

    Attributes:
        ranges: Lowest and highest value of each searched coordinate.
        choices: Values of metric, prefix and label; one where it is not searched.
        start: Where members begin; it has the coordinates that are not searched.
    """

    ranges: Mapping[str, tuple[float, float]]
    choices: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    start: Point

    @classmethod
    def of(cls, search: Search, metric: str) -> "Region":
        """The region of a search, with the task's own metric where the search names none."""
        choices = (
            search.choices.get("metric", (search.metric or metric,)),
            search.choices.get("prefix", (search.prefix,)),
            search.choices.get("label", (search.label,)),
        )
        first = (choices[0][0], choices[1][0], choices[2][0])
        return cls(
            ranges={name: search.ranges[name] for name in COORDINATES if name in search.ranges},
            choices=choices,
            start=_assemble(_values(search.start), first, search.start),
        )

    def to_unit(self, point: Point) -> tuple[Float[np.ndarray, " D"], Categories]:
        """The place of a point in the unit cube, and its categories.

        What lies outside of the region counts as at its bound, and as the first of the choices.
        """
        written = (point.reward.metric, point.prefix, point.label)
        metric, prefix, label = (
            value if value in values_of else values_of[0]
            for value, values_of in zip(written, self.choices, strict=True)
        )
        return self.unit(_values(point)), (metric, prefix, label)

    def unit(self, values: Mapping[str, float]) -> Float[np.ndarray, " D"]:
        """The place in the unit cube of the searched coordinates among `values`, each counted as within its bounds."""
        return np.array([_to_unit(name, values[name], *limits) for name, limits in self.ranges.items()], np.float64)

    def point(self, unit_D: Float[np.ndarray, " D"], categories: Categories) -> Point:
        """The point at a place of the unit cube."""
        return _assemble(_values(self.start) | self.values(unit_D), categories, self.start)

    def values(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        """The searched coordinates at a place of the unit cube, before weights are scaled back."""
        placed = zip(self.ranges.items(), unit_D.tolist(), strict=True)
        return {name: _from_unit(name, unit, *limits) for (name, limits), unit in placed}

    def mixed(self, unit_D: Float[np.ndarray, " D"]) -> float:
        """The sum of noise, task and model there, before it is scaled back where it is above 1."""
        values = _values(self.start) | self.values(unit_D)
        return math.fsum(values[name] for name in MIXED)


def _to_unit(name: str, value: float, low: float, high: float) -> float:
    scaled, bottom, top = (math.log(x) if name in LOG_SCALED else x for x in (value, low, high))
    return min(max((scaled - bottom) / (top - bottom), 0.0), 1.0) if bottom < top else 0.0


def _from_unit(name: str, unit: float, low: float, high: float) -> float:
    # the bounds themselves come back bit-equal, which exp(log(x)) does not promise
    if not 0.0 < unit < 1.0:
        return low if unit <= 0.0 else high
    if name in LOG_SCALED:
        value = math.exp((1.0 - unit) * math.log(low) + unit * math.log(high))
    else:
        value = (1.0 - unit) * low + unit * high
    return min(max(value, low), high)


def _values(point: Point) -> dict[str, float]:
    """All numeric coordinates of a point."""
    weights = {name: getattr(point.reward, name) for name in MIXED}
    return weights | {"temperature": point.reward.temperature, "rho": point.rho, "tau": point.tau}


def _assemble(values: Mapping[str, float], categories: Categories, start: Point) -> Point:
    metric, prefix, label = categories
    mixed = {name: values[name] for name in MIXED}
    total = math.fsum(mixed.values())
    if total > 1.0:
        mixed = {name: weight / total for name, weight in mixed.items()}
    reward = Reward(
        truth=max(0.0, 1.0 - math.fsum(mixed.values())),
        noise=mixed["noise"],
        task=mixed["task"],
        model=mixed["model"],
        metric=metric,
        temperature=values["temperature"],
        noise_kind=start.reward.noise_kind,
    )
    alpha, beta = weights_of(values["rho"], values["tau"])
    return Point(reward=reward, alpha=alpha, beta=beta, prefix=prefix, label=label)  # type: ignore[arg-type]
