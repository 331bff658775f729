"""Decisions of a population: which weights each member continues with, and its next knot.

A pure function of scores and a seed. The same scores give the same decisions, also when a resumed driver repeats them.
`ranking` orders the members, `exchange` chooses the weights, `proposals` draws the knots.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from erpo_explore.config.search import Search
from erpo_explore.search.exchange import Exchange, ExchangePolicy
from erpo_explore.search.proposals import perturb
from erpo_explore.search.ranking import MemberState, rank_members
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Decision about one member.

    Attributes:
        member: Name of the member.
        action: `continue` with its own weights, or `clone` the donor's.
        donor: Name of the member whose weights it continues with; None for its own.
        objective: Its score at the decision, negated where less is better; None if it had none.
        donor_objective: That of the donor; None if it had none or there is no donor.
        p_value: P-value of the paired bootstrap against the best donor considered; None if there was no test.
        rank: Rank in its sub-population, 1 is best.
        population: Number of members ranked there.
        period: Intervals between two decisions of its sub-population.
        generation: Intervals that the weights it continues with have been trained for.
        path: Path so far of those weights.
        next_knot: Point at which it arrives next.
        until: Iteration at which it arrives there and is evaluated again.
        reason: Reason, in words.
    """

    member: str
    action: Literal["continue", "clone"]
    donor: str | None
    objective: float | None
    donor_objective: float | None
    p_value: float | None
    rank: int
    population: int
    period: int
    generation: int
    path: Path
    next_knot: Point
    until: int
    reason: str


def decide(
    states: Sequence[MemberState],
    search: Search,
    metric: str,
    *,
    seed: int,
    generation: int,
    num_intervals: int,
    due: Collection[str] | None = None,
) -> list[Decision]:
    """Decide for every member that is due.

    Args:
        states: States of the living members trained for `generation` intervals, in any order.
        search: Sub-populations, selection, and the ranges of the next knot.
        metric: Name of the task's own metric.
        seed: Random seed of the exploration.
        generation: Number of intervals after which the scores were measured, from 1.
        num_intervals: Number of intervals of the whole budget.
        due: Names of the members to decide for; None for all.

    Returns:
        One decision per member, by sub-population, the shortest period first, and by rank within each.
    """
    ranking = rank_members(states, search)
    policy = ExchangePolicy(search, ranking, seed=seed, generation=generation)
    decisions = []
    for period, members in ranking.items():
        for rank, member in enumerate(members, start=1):
            if due is None or member.name in due:
                exchange = policy.exchange(member, rank, period)
                knot = perturb(exchange.centre, search, metric, keyed_generator(seed, generation, member.index))
                trained = max(generation, exchange.origin.iteration)
                until = min(num_intervals, trained + period)
                decisions.append(_decision(exchange, knot, rank, len(members), period, trained, until))
    return decisions


def _decision(
    exchange: Exchange, knot: Point, rank: int, population: int, period: int, generation: int, until: int
) -> Decision:
    member, donor = exchange.member, exchange.donor
    return Decision(
        member=member.name,
        action="clone" if donor else "continue",
        donor=donor.name if donor else None,
        objective=member.objective,
        donor_objective=donor.objective if donor else None,
        p_value=exchange.p_value,
        rank=rank,
        population=population,
        period=period,
        generation=generation,
        path=exchange.origin.path,
        next_knot=knot,
        until=until,
        reason=f"rank {rank} of {population}: {exchange.why}",
    )
