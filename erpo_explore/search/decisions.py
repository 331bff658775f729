"""What the population decides: who goes on, who becomes a clone of whom, and which knot each walks to next.

A pure function of what is known and of a seed, so that the same scores give the same decisions, also when a resumed
driver makes them again. In each sub-population members are ranked by score into brackets of equal size (MF-PBT,
Doulazmi et al. 2025):

    winners      may be cloned
    the middle   goes on
    open         takes the weights of another sub-population's winner, where that one is better
    losers       clone a winner of their own sub-population, where that one is better

Migration is asymmetric. From a slower sub-population, whose winner was judged on a longer run, come weights and place:
the next knot lies near the end of the donor's path. From a faster one come the weights alone: the next knot lies near
the end of the member's own path, so that the greedy places of the fast do not spread.

Better is decided on the valid sentences (`selection: bootstrap`): a donor replaces a member only if a paired bootstrap
gives a smaller p-value than `search.p_exploit`. `truncation` takes any higher score (PBT, Jaderberg et al. 2017).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from erpo_explore.config.search import Search
from erpo_explore.search.proposals import move, rng
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path, Point
from erpo_explore.stats.bootstrap import CorpusStatistics, Resampled, Resamples, compare, resample

__all__ = ["Decision", "Standing", "decide"]

_NUM_RESAMPLES: Final = 1000

_DONORS_STREAM: Final = 2**31
_RESAMPLES_STREAM: Final = 2**33
"""Streams of a generation beside those of its members, which are named by their indices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a member when the population decides.

    Attributes:
        name: Of the member.
        index: Its place in the population, from 0.
        iteration: Intervals that the weights of its last checkpoint have walked.
        score: Its valid score, 0–100, after as many intervals as every other standing's; None where its loss was no
            longer a number or its worker failed too often.
        path: What those weights have walked.
        statistics: What each valid sentence adds to the score; None where that is not known.
    """

    name: str
    index: int
    iteration: int
    score: float | None
    path: Path
    statistics: CorpusStatistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one member.

    Attributes:
        member: Name of the member.
        action: Go on with its own weights, or clone the donor's.
        donor: Whose weights it goes on with; None for its own.
        score: Its score when it was decided; None where it had none.
        donor_score: The donor's; None likewise, and without a donor.
        p_value: Of the paired bootstrap against the best donor that was looked at; None where none was made.
        rank: Its place in its sub-population, 1 is best.
        population: How many were ranked there.
        period: Intervals between two decisions of its sub-population.
        generation: Intervals that the weights that it goes on with have walked.
        path: What they have walked.
        next_knot: Where it walks.
        until: Iteration at which it gets there, and is judged again.
        reason: Why, in words.
    """

    member: str
    action: Literal["continue", "clone"]
    donor: str | None
    score: float | None
    donor_score: float | None
    p_value: float | None
    rank: int
    population: int
    period: int
    generation: int
    path: Path
    next_knot: Point
    until: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """Whose weights a member goes on with, and near which point it walks on."""

    standing: Standing
    place: int
    centre: Point
    why: str
    donor: Standing | None = None
    p_value: float | None = None

    @property
    def origin(self) -> Standing:
        """Whose weights they are."""
        return self.donor or self.standing


def decide(
    standings: Sequence[Standing],
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
        standings: Of the living members that have walked `generation` intervals, in any order.
        search: Sub-populations, selection, and the ranges of the next knot.
        metric: The task's own metric.
        seed: Of the exploration.
        generation: Intervals that the scores were taken after, from 1.
        num_intervals: Of the whole budget.
        due: Names of those that are decided on; None for all.

    Returns:
        One decision a member, the sub-population that evolves fastest first, and in each the best member first.
    """
    judge = _Judge(search, seed, generation)
    ranked = {
        period: sorted(
            (standing for standing in standings if period_of(standing.index, search) == period), key=_best_first
        )
        for period in sorted({period_of(standing.index, search) for standing in standings})
    }
    decisions = []
    for period, members in ranked.items():
        exchanges = [
            judge.exchange(standing, place, ranked, period)
            for place, standing in enumerate(members)
            if due is None or standing.name in due
        ]
        for exchange in exchanges:
            knot = move(exchange.centre, search, metric, judge.generator(exchange.standing.index))
            decisions.append(_decision(exchange, knot, len(members), period, generation, num_intervals))
    return decisions


def _best_first(standing: Standing) -> tuple[bool, float, int]:
    return standing.score is None, -(standing.score or 0.0), standing.index


def _decision(
    exchange: _Exchange, knot: Point, population: int, period: int, generation: int, num_intervals: int
) -> Decision:
    standing, donor = exchange.standing, exchange.donor
    walked = max(generation, exchange.origin.iteration)
    return Decision(
        member=standing.name,
        action="clone" if donor else "continue",
        donor=donor.name if donor else None,
        score=standing.score,
        donor_score=donor.score if donor else None,
        p_value=exchange.p_value,
        rank=exchange.place + 1,
        population=population,
        period=period,
        generation=walked,
        path=exchange.origin.path,
        next_knot=knot,
        until=min(num_intervals, walked + period),
        reason=f"rank {exchange.place + 1} of {population}: {exchange.why}",
    )


class _Judge:
    """Says who may clone whom in one generation."""

    def __init__(self, search: Search, seed: int, generation: int) -> None:
        self.search = search
        self._key = (seed, generation)
        self._resamples: Resamples | None = None
        self._resampled: dict[str, Resampled] = {}

    def generator(self, stream: int) -> np.random.Generator:
        """Of a member's draws in this generation, by its index, or of another stream."""
        return rng(*self._key, stream)

    def exchange(
        self, standing: Standing, place: int, ranked: Mapping[int, Sequence[Standing]], period: int
    ) -> _Exchange:
        """What a member at a place of its sub-population does.

        Args:
            standing: The member.
            place: From 0, best first.
            ranked: Sub-populations by period, each best first.
            period: The member's.
        """
        own = ranked[period]
        size = min(math.ceil(len(own) * self.search.quantile), len(own) // 2)
        stays = _Exchange(standing=standing, place=place, centre=standing.path.end, why="goes on with its own weights")
        if standing.score is None:
            return self._rescue(stays, ranked)
        if place >= len(own) - size:
            winner = own[int(self.generator(_DONORS_STREAM + standing.index).integers(size))]
            return self._challenge(stays, winner, winner.path.end, "a winner")
        migrants = [(members[0], other) for other, members in ranked.items() if other != period]
        if migrants and place >= max(size, len(own) - 2 * size):
            migrant, other = min(migrants, key=lambda one: _best_first(one[0]))
            if other > period:
                return self._challenge(stays, migrant, migrant.path.end, "best of the slower")
            return self._challenge(stays, migrant, standing.path.end, "best of the faster")
        return stays

    def _rescue(self, lost: _Exchange, ranked: Mapping[int, Sequence[Standing]]) -> _Exchange:
        """A member without weights that are worth anything takes those of the best of all."""
        best = min((members[0] for members in ranked.values()), key=_best_first)
        if best.score is None:
            return replace(lost, why="lost, and so are all others")
        return replace(lost, donor=best, centre=best.path.end, why=f"lost, re-seeded from {best.name}")

    def _challenge(self, stays: _Exchange, donor: Standing, centre: Point, kind: str) -> _Exchange:
        """Clone the donor if it is better, else go on."""
        # a tie is no reason to give up one's own weights
        if donor.score is None or stays.standing.score is None or donor.score <= stays.standing.score:
            return stays
        p_value = self._p_value(donor, stays.standing)
        if p_value is not None and p_value >= self.search.p_exploit:
            why = f"goes on, {donor.name} may be better by chance (p = {p_value:.3g})"
            return replace(stays, p_value=p_value, why=why)
        sure = "" if p_value is None else f" (p = {p_value:.3g})"
        return replace(stays, donor=donor, p_value=p_value, centre=centre, why=f"clones {donor.name}, {kind}{sure}")

    def _p_value(self, donor: Standing, standing: Standing) -> float | None:
        """One-sided, of the paired bootstrap; None under `truncation` and without the sentences' own scores."""
        if self.search.selection == "truncation" or donor.statistics is None or standing.statistics is None:
            return None
        comparison = compare(self._resample(donor), self._resample(standing))
        # no more than so many resampled corpora can tell: where the donor wins all, p is below 1 / (1 + B)
        lost = (1.0 - comparison.share_won) * _NUM_RESAMPLES
        return (1.0 + lost) / (1.0 + _NUM_RESAMPLES)

    def _resample(self, standing: Standing) -> Resampled:
        """A member's scores on resampled corpora, the same ones for all members of a generation."""
        if standing.name not in self._resampled:
            statistics = standing.statistics
            assert statistics is not None  # noqa: S101 - asked for only where it is there
            if self._resamples is None:
                generator = self.generator(_RESAMPLES_STREAM)
                self._resamples = Resamples.draw(statistics.num_sentences, generator, num_resamples=_NUM_RESAMPLES)
            self._resampled[standing.name] = resample(statistics, self._resamples)
        return self._resampled[standing.name]
