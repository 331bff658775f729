"""Monotone annealing: exploration does not decrease along a path.

    e(p) = (1 − λ_truth, ρ);   a knot p may follow p' if e(p) ≥ e(p') in both components

Between knots λ and ρ are interpolated linearly, so the order holds everywhere if it holds at the knots. Tan et al.
(2018) anneal from maximum likelihood, e = (0, 0), in this order. A knot that violates it gets the nearest weights that
satisfy it,

    w_i' = min(high_i, w_i + μ),  μ ≥ 0 the least with Σ_i w_i' = 1 − λ'_truth;   ρ' = max(ρ, ρ_{p'})

within the ranges. Where the ranges end below p', it gets their upper bounds. Temperatures and categories are free.
"""

import numpy as np
from jaxtyping import Float

from erpo_explore.search.region import FREE_WEIGHTS, Region
from erpo_explore.space import Point

__all__ = ["raise_exploration"]


def raise_exploration(region: Region, unit_D: Float[np.ndarray, " D"], end: Point) -> Float[np.ndarray, " D"]:
    """Unit vector that explores at least as much as the end of a path.

    Args:
        region: Region of the unit cube.
        unit_D: Proposed unit vector.
        end: End of the path.
    """
    coordinates = region.coordinates(unit_D)
    capacity = {name: region.ranges[name][1] - coordinates[name] for name in FREE_WEIGHTS if name in coordinates}
    missing = 1.0 - end.reward.truth - region.total_weight(unit_D)
    # least capacity first: the others share what a full weight cannot take
    for num_left, name in zip(range(len(capacity), 0, -1), sorted(capacity, key=capacity.__getitem__), strict=True):
        step = min(capacity[name], max(0.0, missing) / num_left)
        coordinates[name] += step
        missing -= step
    if "rho" in coordinates:
        coordinates["rho"] = max(coordinates["rho"], end.rho)
    return region.unit_vector(coordinates)
