"""Members of a population, ranked by score within their sub-population."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from erpo_explore.config.search import Search
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["MemberState", "Ranking", "best_first", "rank_members"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """State of a member when the population decides.

    Attributes:
        name: Name of the member.
        index: Index in the population, from 0.
        iteration: Intervals that the weights of its last checkpoint have been trained for.
        objective: Validation score after the same number of intervals for all members, negated where less is better;
            None for a lost member, whose loss became non-finite or whose worker failed too often.
        path: Path so far of those weights.
        statistics: Contribution of each validation sentence to the score; None if unknown.
    """

    name: str
    index: int
    iteration: int
    objective: float | None
    path: Path
    statistics: CorpusStatistics | None = None


Ranking = Mapping[int, Sequence[MemberState]]
"""Members of each sub-population, best first, by the sub-population's period; the shortest period first."""


def best_first(state: MemberState) -> tuple[bool, float, int]:
    """Sort key: highest objective first, ties by index, lost members last."""
    return state.objective is None, -(state.objective or 0.0), state.index


def rank_members(states: Sequence[MemberState], search: Search) -> Ranking:
    """Rank the members of each sub-population."""
    periods = [period_of(state.index, search) for state in states]
    return {
        period: sorted((state for state, own in zip(states, periods, strict=True) if own == period), key=best_first)
        for period in sorted(set(periods))
    }
