"""The triangle of reward weights, cut into small triangles that a surface is drawn on.

Corners are model, truth, and task and noise together, in the order of Plotly's ternary axes.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

__all__ = ["CORNERS", "cells", "centres", "flat"]

CORNERS = ("model", "truth", "task_noise")

_PLACES = np.array([[0.5, 3**0.5 / 2], [0.0, 0.0], [1.0, 0.0]])


@cache
def cells(subdivisions: int) -> Float[np.ndarray, "M 3 3"]:
    """The n² small triangles, each by the shares at its three corners.

    Args:
        subdivisions: n, cuts of each side.

    Example:
        >>> cells(2).shape, cells(2).sum(axis=2).min()
        ((4, 3, 3), np.float64(1.0))
    """
    upright = [[(i + 1, j), (i, j + 1), (i, j)] for i in range(subdivisions) for j in range(subdivisions - i)]
    hanging = [
        [(i + 1, j), (i, j + 1), (i + 1, j + 1)] for i in range(subdivisions) for j in range(subdivisions - i - 1)
    ]
    first_M32 = np.array(upright + hanging, dtype=np.float64)
    last_M31 = subdivisions - first_M32.sum(axis=2, keepdims=True)
    shares: Float[np.ndarray, "M 3 3"] = np.concatenate([first_M32, last_M31], axis=2) / subdivisions
    return shares


def centres(subdivisions: int) -> Float[np.ndarray, "M 3"]:
    """The shares at the centre of each of the `cells`."""
    middle: Float[np.ndarray, "M 3"] = cells(subdivisions).mean(axis=1)
    return middle


def flat(shares_N3: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
    """Places on the plane, where the triangle has sides of 1 and no corner is nearer to one than to the other."""
    places: Float[np.ndarray, "N 2"] = shares_N3 @ _PLACES
    return places
