"""The next knots of several members, from a model of what earlier knots have gained.

    knot = argmax over the trust region of  μ(knot) + κ σ(knot)

with the process of `gain_model` at the member's progress and score (PB2, Parker-Holder et al. 2020), among draws from
a box around the end of its path (Wan et al. 2022). Members choose one after the other, and each knows what those before
it have chosen. With few gains there is nothing to learn from, and knots are perturbed as in `proposals`.

Left out: a box that grows and shrinks with success, as a member makes ten choices or so, too few to count successes.

Shapes: M candidates, D searched numeric coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from erpo_explore.config.search import Search
from erpo_explore.search.gain_model import GainModel
from erpo_explore.search.gains import Gain
from erpo_explore.search.monotone import raised
from erpo_explore.search.proposals import move
from erpo_explore.search.region import Categories, Region
from erpo_explore.space import Point

__all__ = ["Position", "propose"]

_OPTIMISM: Final = 1.0
"""κ."""

_NUM_CANDIDATES: Final = 200
_FEWEST_GAINS: Final = 6
_MOST_GAINS: Final = 300
"""The process takes time with the cube of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a member stands.

    Attributes:
        end: The end of its path.
        score: Its valid score, 0–100.
        progress: Share of the budget that is spent, 0–1.
    """

    end: Point
    score: float
    progress: float


def propose(
    positions: Sequence[Position],
    gains: Sequence[Gain],
    search: Search,
    metric: str,
    generator: np.random.Generator,
    *,
    intervals: int = 1,
) -> list[Point]:
    """Choose the next knot of each member.

    Args:
        positions: Of the members of one batch.
        gains: What is known; those at points that can't be searched are left out, and of very many the ones nearest
            in progress are kept.
        search: The region, and the side of the trust region.
        metric: The task's own metric.
        generator: Of every draw.
        intervals: Over how many intervals the gain is to be high.

    Returns:
        A knot for each position, in their order.
    """
    region = Region.of(search, metric)
    usable = [gain for gain in gains if region.holds(gain.knot)]
    if not positions or len(usable) < _FEWEST_GAINS:
        return [move(position.end, search, metric, generator) for position in positions]
    now = float(np.mean([position.progress for position in positions]))
    # of equally near gains, the later ones are of the running exploration
    order = sorted(range(len(usable)), key=lambda index: (abs(usable[index].progress - now), -index))
    nearest = [usable[index] for index in order[:_MOST_GAINS]]
    with threadpool_limits(1):
        model = GainModel(region, nearest, generator)
        return [_choose(position, model, region, search, generator, intervals) for position in positions]


def _choose(
    position: Position,
    model: GainModel,
    region: Region,
    search: Search,
    generator: np.random.Generator,
    intervals: int,
) -> Point:
    drawn_MD, categories = _candidates(position.end, region, search, generator)
    x_MF = model.columns(drawn_MD, categories, progress=position.progress, score=position.score, intervals=intervals)
    mean_M, deviation_M = model.predict(x_MF)
    best = int(np.argmax(mean_M + _OPTIMISM * deviation_M))
    model.imagine(x_MF[best])
    return region.point(drawn_MD[best], categories[best])


def _candidates(
    end: Point, region: Region, search: Search, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "M D"], list[Categories]]:
    """Draws from the box around the end of a path, as places in the unit cube; half of them keep its categories."""
    unit_D, here = region.to_unit(end)
    half = 0.5 * search.trust
    low_D, high_D = np.maximum(unit_D - half, 0.0), np.minimum(unit_D + half, 1.0)
    drawn_MD = generator.uniform(low_D, high_D, (_NUM_CANDIDATES, len(unit_D)))
    categories = [here if index % 2 else _any(region, generator) for index in range(_NUM_CANDIDATES)]
    for index, drawn_D in enumerate(drawn_MD):
        if search.monotone:
            drawn_D = raised(region, drawn_D, end)
        # weights above 1 are scaled back, and the model has learned where the points lie that were trained at
        scaled_back = region.mixed(drawn_D) > 1.0
        drawn_MD[index] = region.to_unit(region.point(drawn_D, here))[0] if scaled_back else drawn_D
    return drawn_MD, categories


def _any(region: Region, generator: np.random.Generator) -> Categories:
    metric, prefix, label = (values[int(generator.integers(len(values)))] for values in region.choices)
    return metric, prefix, label
