"""Which sub-population a member belongs to, and how often that one evolves.

A population that is judged after every interval takes what is best at once, and exploration on a path lowers the score
before it raises it. So the population is divided into M parts, of which the i-th decides only every δ_i intervals,
1 ≤ δ_1 < … < δ_M, and sees the gain over all of them (MF-PBT, Doulazmi et al. 2025, arXiv 2506.03225). One part is
plain PBT.
"""

from erpo_explore.config.search import Search

__all__ = ["period_of", "periods"]

_LEAST: int = 4
"""Members of a sub-population: a winner, a loser, and between them one that stays and one that others may replace."""


def periods(search: Search) -> tuple[int, ...]:
    """Intervals between two decisions of each sub-population; as many sub-populations as the members suffice for.

    >>> periods(Search(members=8, evolve_every=(1, 4)))
    (1, 4)
    >>> periods(Search(members=7, evolve_every=(1, 4)))
    (1,)
    """
    return search.evolve_every[: max(1, search.members // _LEAST)]


def period_of(index: int, search: Search) -> int:
    """Intervals between two decisions of the member at `index`; members are dealt out in turn."""
    every = periods(search)
    return every[index % len(every)]
