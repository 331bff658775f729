"""Makes an exploration fit into the time that there is: fewer replications, steps, evaluations and members.

The first of these that has enough steps is taken, with as many steps as fit:

| members | replications | evaluations per trial | at least this share of the steps |
| --- | --- | --- | --- |
| all | all | all | 0.8 |
| all | 1 | all | 0.5 |
| all | 1 | half | 0.5 |
| half | 1 | half | 0.33 |
| 4 | 1 | half | 0.02 |

Half of the evaluations are at least five, so that a search still decides.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from erpo_explore.errors import ConfigError

__all__ = ["Sizes", "changes", "fit"]

_FEWEST_MEMBERS: Final = 4
_FEWEST_EVALUATIONS: Final = 5
_MOST_SEEDS: Final = 3
_LEAST_SHARE: Final = 0.02
"""Share of the steps below which no model learns anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What decides how long an exploration takes.

    Attributes:
        steps: Steps per trial, a multiple of `interval`.
        interval: Steps between two evaluations.
        members: Members of the search.
        num_seeds: Replications of each baseline.
    """

    steps: int
    interval: int
    members: int
    num_seeds: int


def fit(
    wanted: Sizes,
    seconds: float,
    cost: Callable[[Sizes], float],
    *,
    can_drop_members: bool = True,
    keeps_interval: bool = False,
    can_grow: bool = False,
) -> Sizes:
    """The sizes nearest to the wanted ones whose cost is at most `seconds`.

    Args:
        wanted: What the experiment has.
        seconds: Time that there is.
        cost: Seconds of an exploration of given sizes; grows with each of them.
        can_drop_members: Whether the number of members decides how many trials there are.
        keeps_interval: Whether the interval must stay as it is.
        can_grow: Whether more replications are added where there is time for them.

    Raises:
        ConfigError: Even the smallest exploration takes longer.
    """
    if cost(wanted) <= seconds:
        grown = [replace(wanted, num_seeds=number) for number in range(_MOST_SEEDS, wanted.num_seeds, -1)]
        return next((sizes for sizes in grown if can_grow and cost(sizes) <= seconds), wanted)
    for rung, share in _rungs(wanted, can_drop_members=can_drop_members, keeps_interval=keeps_interval):
        whole = rung.steps // rung.interval if keeps_interval else rung.interval
        units = _most(whole, partial(_fits, rung, seconds, cost, keeps_interval))
        if units >= max(1, share * whole):
            return _shortened(rung, units, keeps_interval)
    smallest = _shortened(rung, math.ceil(_LEAST_SHARE * whole), keeps_interval)
    raise ConfigError(
        f"max_hours is too short for this experiment: its smallest version, {smallest.steps} steps and "
        f"{smallest.members} members, takes about {cost(smallest) / 3600:.2g} h beside what has passed; "
        "give more hours, a smaller model or less text"
    )


def changes(wanted: Sizes, fitted: Sizes) -> tuple[str, ...]:
    """What differs, for people.

    >>> changes(Sizes(steps=4000, interval=400, members=8, num_seeds=1),
    ...         Sizes(steps=2000, interval=200, members=4, num_seeds=1))
    ('2,000 steps instead of 4,000', '4 members instead of 8')
    """
    pairs = (
        ("steps", fitted.steps, wanted.steps),
        ("evaluations", fitted.steps // fitted.interval, wanted.steps // wanted.interval),
        ("members", fitted.members, wanted.members),
        ("runs per baseline", fitted.num_seeds, wanted.num_seeds),
    )
    return tuple(f"{now:,} {name} instead of {before:,}" for name, now, before in pairs if now != before)


def _rungs(wanted: Sizes, *, can_drop_members: bool, keeps_interval: bool) -> Iterator[tuple[Sizes, float]]:
    """Sizes with all steps, and the share of the steps that must at least remain."""
    num_evaluations = wanted.steps // wanted.interval
    fewer = num_evaluations if keeps_interval else max(min(num_evaluations, _FEWEST_EVALUATIONS), num_evaluations // 2)
    fewest = min(wanted.members, _FEWEST_MEMBERS) if can_drop_members else wanted.members
    half = max(fewest, wanted.members // 2) if can_drop_members else wanted.members
    for members, num_seeds, evaluations, share in (
        (wanted.members, wanted.num_seeds, num_evaluations, 0.8),
        (wanted.members, 1, num_evaluations, 0.5),
        (wanted.members, 1, fewer, 0.5),
        (half, 1, fewer, 1 / 3),
        (fewest, 1, fewer, _LEAST_SHARE),
    ):
        interval = wanted.interval if evaluations == num_evaluations else max(1, wanted.steps // evaluations)
        sizes = Sizes(steps=evaluations * interval, interval=interval, members=members, num_seeds=num_seeds)
        yield sizes, share


def _fits(sizes: Sizes, seconds: float, cost: Callable[[Sizes], float], keeps_interval: bool, units: int) -> bool:
    return cost(_shortened(sizes, units, keeps_interval)) <= seconds


def _most(highest: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `highest` that fits, by bisection; 0 where none does."""
    low, high = 0, highest
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _shortened(sizes: Sizes, units: int, keeps_interval: bool) -> Sizes:
    """The sizes with so many evaluations where the interval stays, otherwise with so long an interval."""
    if keeps_interval:
        return replace(sizes, steps=units * sizes.interval)
    return replace(sizes, steps=units * (sizes.steps // sizes.interval), interval=units)
