"""Sub-populations: which one a member belongs to, and how often each decides.

A population that decides after every interval keeps what is best at once. Exploration on a path lowers the score before
it raises it, so such a population is greedy. The population is therefore split into M parts. The i-th decides every
δ_i intervals, 1 ≤ δ_1 < … < δ_M, and so on the gain over all of them (MF-PBT, Doulazmi et al. 2025, arXiv 2506.03225).
One part is plain PBT.
"""

from typing import Final

from erpo_explore.config.search import Search

__all__ = ["period_of", "periods"]

_MIN_MEMBERS: Final = 4
"""Per sub-population: a winner, a loser, and between them one that continues and one that migrants may replace."""


def periods(search: Search) -> tuple[int, ...]:
    """Intervals between two decisions of each sub-population, for as many sub-populations as have enough members.

    >>> periods(Search(members=8, evolve_every=(1, 4)))
    (1, 4)
    >>> periods(Search(members=7, evolve_every=(1, 4)))
    (1,)
    """
    return search.evolve_every[: max(1, search.members // _MIN_MEMBERS)]


def period_of(index: int, search: Search) -> int:
    """Intervals between two decisions of the member at `index`; sub-populations take members in turn."""
    every = periods(search)
    return every[index % len(every)]
