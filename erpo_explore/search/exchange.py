"""Which weights each member continues with, and around which point its next knot is drawn.

Members of a sub-population fall by rank into brackets of equal size (MF-PBT, Doulazmi et al. 2025):

    winners      may be cloned
    the middle   continues
    open         clones the winner of another sub-population, if that one is better
    losers       clone a winner of their own sub-population, if that one is better

Migration between sub-populations is asymmetric. The winner of a slower sub-population was evaluated over a longer
period, so its clone takes both its weights and its position: the next knot is drawn around the end of the donor's path.
From a faster sub-population a clone takes the weights alone. Its next knot is drawn around the end of its own path, so
that the greedy positions of the fast members do not spread.

A donor is better if it has the better score and, with `selection: bootstrap`, a p-value below `search.p_exploit`.
`selection: truncation` takes any better score (PBT, Jaderberg et al. 2017).
"""

import math
from dataclasses import dataclass, replace

from erpo_explore.config.search import Search
from erpo_explore.search.ranking import MemberState, Ranking, best_first
from erpo_explore.search.streams import DONORS, keyed_generator
from erpo_explore.search.superiority import SuperiorityTest
from erpo_explore.space import Point

__all__ = ["Exchange", "ExchangePolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The weights that a member continues with.

    Attributes:
        member: The member.
        centre: Point around which the next knot is drawn.
        why: Reason, in words.
        donor: Member whose weights are cloned; None if the member keeps its own.
        p_value: P-value of the paired bootstrap against the best donor considered; None if there was no test.
    """

    member: MemberState
    centre: Point
    why: str
    donor: MemberState | None = None
    p_value: float | None = None

    @property
    def origin(self) -> MemberState:
        """Member whose weights they are."""
        return self.donor or self.member


class ExchangePolicy:
    """The rule of one generation."""

    def __init__(self, search: Search, ranking: Ranking, *, seed: int, generation: int) -> None:
        self._search = search
        self._ranking = ranking
        self._key = (seed, generation)
        self._test = SuperiorityTest(search, seed, generation)

    def exchange(self, member: MemberState, rank: int, period: int) -> Exchange:
        """Exchange of the member at a rank of its sub-population.

        Args:
            member: The member.
            rank: Its rank, 1 is best.
            period: Period of its sub-population.
        """
        stays = Exchange(member=member, centre=member.path.end, why="goes on with its own weights")
        if member.objective is None:
            return self._reseed(stays)
        peers = self._ranking[period]
        bracket = min(math.ceil(len(peers) * self._search.quantile), len(peers) // 2)
        if rank > len(peers) - bracket:
            generator = keyed_generator(*self._key, DONORS + member.index)
            winner = peers[int(generator.integers(bracket))]
            return self._challenge(stays, winner, winner.path.end, "a winner")
        if rank > max(bracket, len(peers) - 2 * bracket):
            return self._migrate(stays, period)
        return stays

    def _reseed(self, lost: Exchange) -> Exchange:
        """A lost member, which has no usable weights, clones the best member of the whole population."""
        best = min((members[0] for members in self._ranking.values()), key=best_first)
        if best.objective is None:
            return replace(lost, why="lost, and so are all others")
        return replace(lost, donor=best, centre=best.path.end, why=f"lost, re-seeded from {best.name}")

    def _migrate(self, stays: Exchange, period: int) -> Exchange:
        """Clone the best winner of the other sub-populations, if it is better."""
        winners = [(members[0], other) for other, members in self._ranking.items() if other != period]
        if not winners:
            return stays
        winner, other = min(winners, key=lambda pair: best_first(pair[0]))
        if other > period:
            return self._challenge(stays, winner, winner.path.end, "best of the slower")
        return self._challenge(stays, winner, stays.centre, "best of the faster")

    def _challenge(self, stays: Exchange, donor: MemberState, centre: Point, kind: str) -> Exchange:
        """Clone the donor if it is better."""
        # a tie does not justify giving up a member's weights
        if donor.objective is None or stays.member.objective is None or donor.objective <= stays.member.objective:
            return stays
        p_value = self._test.p_value(donor, stays.member)
        if p_value is not None and p_value >= self._search.p_exploit:
            why = f"goes on, {donor.name} may be better by chance (p = {p_value:.3g})"
            return replace(stays, p_value=p_value, why=why)
        sure = "" if p_value is None else f" (p = {p_value:.3g})"
        return replace(stays, donor=donor, p_value=p_value, centre=centre, why=f"clones {donor.name}, {kind}{sure}")
