"""Annealing that never turns back: exploration does not shrink along a path.

    e(p) = (1 − λ_truth, ρ);   a knot p may follow p' if e(p) ≥ e(p') in both places

Between knots λ and ρ move linearly, so what holds at the knots holds everywhere. Tan et al. (2018) anneal from
maximum likelihood, e = (0, 0), in this order. A knot that breaks it goes to the nearest weights that keep it,

    w_i' = min(high_i, w_i + μ),  μ ≥ 0 the least with Σ_i w_i' = 1 − λ'_truth;   ρ' = max(ρ, ρ_{p'})

within the ranges; where those end below p', at their end. Temperatures and categories are free.
"""

import numpy as np
from jaxtyping import Float

from erpo_explore.search.region import MIXED, Region
from erpo_explore.space import Point

__all__ = ["raised"]


def raised(region: Region, unit_D: Float[np.ndarray, " D"], end: Point) -> Float[np.ndarray, " D"]:
    """A place of the unit cube that explores no less than the end of a path.

    Args:
        region: Whose unit cube it is.
        unit_D: The place that was proposed.
        end: Where the path ends.
    """
    values = region.values(unit_D)
    room = {name: region.ranges[name][1] - values[name] for name in MIXED if name in values}
    missing = 1.0 - end.reward.truth - region.mixed(unit_D)
    # the fullest first: what it can't take is shared by the others
    for left, name in zip(range(len(room), 0, -1), sorted(room, key=room.__getitem__), strict=True):
        step = min(room[name], max(0.0, missing) / left)
        values[name] += step
        missing -= step
    if "rho" in values:
        values["rho"] = max(values["rho"], end.rho)
    return region.unit(values)
