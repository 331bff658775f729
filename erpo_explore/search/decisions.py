"""One decision of the population: who goes on, who becomes a clone of whom, and which knot each walks to next.

A pure function of what is known and of a seed, so that the same scores give the same decisions, also when a resumed
driver makes them again. Selection is truncation, as in PBT (Jaderberg et al. 2017): the worst share takes the weights,
optimizer and walked path of members drawn from the best share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from erpo_explore.search.proposals import move, rng
from erpo_explore.space import Path, Point
from erpo_explore.space.search import Search

__all__ = ["Decision", "Standing", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a member when the population decides.

    Attributes:
        name: Of the member.
        index: Its place in the population, from 0.
        score: Its valid score, 0–100.
        path: What its weights have walked.
    """

    name: str
    index: int
    score: float
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one member.

    Attributes:
        member: Name of the member.
        action: Go on with its own weights, or clone the donor's.
        donor: Whose weights it goes on with; None for its own.
        score: Its score when it was decided.
        donor_score: The donor's; None likewise.
        rank: Its place, 1 is best.
        population: How many were ranked.
        path: What the weights that it goes on with have walked.
        next_knot: Where it walks in the next interval.
        reason: Why, in words.
    """

    member: str
    action: Literal["continue", "clone"]
    donor: str | None
    score: float
    donor_score: float | None
    rank: int
    population: int
    path: Path
    next_knot: Point
    reason: str


def decide(standings: Sequence[Standing], search: Search, metric: str, *, seed: int, generation: int) -> list[Decision]:
    """Decide for every member.

    Args:
        standings: Of the members that are alive, in any order.
        search: Share to replace, and the ranges of the next knot.
        metric: The task's own metric.
        seed: Of the exploration.
        generation: Number of the decision, from 1.

    Returns:
        One decision a member, best member first.
    """
    ranked = sorted(standings, key=lambda standing: (-standing.score, standing.index))
    population = len(ranked)
    num_replaced = min(math.ceil(population * search.quantile), population // 2)
    donors = ranked[:num_replaced]
    decisions = []
    for place, standing in enumerate(ranked):
        generator = rng(seed, generation, standing.index)
        replaced = place >= population - num_replaced
        donor = donors[int(generator.integers(num_replaced))] if replaced else None
        # a tie is no reason to give up one's own weights
        if donor is not None and donor.score <= standing.score:
            donor = None
        origin = donor or standing
        decisions.append(
            Decision(
                member=standing.name,
                action="clone" if donor else "continue",
                donor=donor.name if donor else None,
                score=standing.score,
                donor_score=donor.score if donor else None,
                rank=place + 1,
                population=population,
                path=origin.path,
                next_knot=move(origin.path.end, search, metric, generator),
                reason=_reason(place, population, num_replaced, donor),
            )
        )
    return decisions


def _reason(place: int, population: int, num_replaced: int, donor: Standing | None) -> str:
    where = f"rank {place + 1} of {population}"
    if donor is not None:
        return f"{where}: among the worst {num_replaced}, clones {donor.name}"
    return f"{where}: goes on with its own weights"
