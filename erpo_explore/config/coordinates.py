"""The coordinates of the search space: their names, default ranges and legal values."""

import math
from collections.abc import Mapping
from typing import Final

from erpo_explore.errors import did_you_mean
from erpo_explore.space.point import LABELS, PREFIXES
from erpo_explore.space.reward import TOKEN_METRICS

__all__ = ["CATEGORIES", "COORDINATES", "DEFAULT_RANGES", "check_choices", "check_ranges"]

COORDINATES: Final[tuple[str, ...]] = ("noise", "task", "model", "temperature", "rho", "tau")
"""Numeric coordinates of a searched point."""

CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {"metric": TOKEN_METRICS, "prefix": PREFIXES, "label": LABELS}
"""Coordinates without an order, each with its legal values."""

DEFAULT_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "task": (0.0, 0.4),
    "model": (0.0, 0.3),
    "temperature": (0.002, 0.5),
}

_POSITIVE: Final = ("temperature", "tau")
"""Coordinates that must be above 0. The others are shares, between 0 and 1."""


def check_ranges(ranges: Mapping[str, tuple[float, float]]) -> None:
    """Check the lowest and highest value of each coordinate.

    Raises:
        ValueError: A coordinate is unknown, or its bounds are out of order or out of range.
    """
    for name, (low, high) in ranges.items():
        if name not in COORDINATES:
            raise ValueError(f"{name} is unknown; known are {', '.join(COORDINATES)}{did_you_mean(name, COORDINATES)}")
        floor = "0 <" if name in _POSITIVE else "0 <="
        fits = low > 0.0 if name in _POSITIVE else low >= 0.0
        if not (fits and low <= high and math.isfinite(high)):
            raise ValueError(f"{name} must be [low, high] with {floor} low <= high, got [{low:g}, {high:g}]")
        if name not in _POSITIVE and high > 1.0:
            raise ValueError(f"{name} must lie in [0, 1], got [{low:g}, {high:g}]")


def check_choices(choices: Mapping[str, tuple[str, ...]]) -> None:
    """Check the values of each coordinate without an order.

    Raises:
        ValueError: A coordinate or a value is unknown, a value is listed twice, or a list is empty.
    """
    for name, values in choices.items():
        if name not in CATEGORIES:
            raise ValueError(f"{name} is unknown; known are {', '.join(CATEGORIES)}")
        if not values:
            raise ValueError(f"{name} must list at least one value, got none; leave {name} out to search without")
        legal = CATEGORIES[name]
        if strange := [value for value in values if value not in legal]:
            raise ValueError(f"{name} must list values out of {', '.join(legal)}, got {strange[0]!r}")
        if len(set(values)) < len(values):
            raise ValueError(f"{name} must list each value once, got {', '.join(values)}")
