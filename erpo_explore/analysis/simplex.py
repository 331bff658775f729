"""The simplex of reward weights as a triangle, divided into small triangles on which a surface is drawn.

Corners are model, truth, and the sum of task and noise, in the order of Plotly's ternary axes.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

__all__ = ["CORNERS", "cells", "centres", "plane_positions"]

CORNERS = ("model", "truth", "task_noise")

_CORNER_POSITIONS = np.array([[0.5, 3**0.5 / 2], [0.0, 0.0], [1.0, 0.0]])


@cache
def cells(subdivisions: int) -> Float[np.ndarray, "M 3 3"]:
    """Divide the triangle into n² small ones, each given by the shares at its three corners.

    Args:
        subdivisions: n, the number of segments per side.

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
    """Shares at the centre of each of the `cells`."""
    middle: Float[np.ndarray, "M 3"] = cells(subdivisions).mean(axis=1)
    return middle


def plane_positions(shares_N3: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
    """Map shares to the plane, where the triangle is equilateral with sides of 1."""
    positions: Float[np.ndarray, "N 2"] = shares_N3 @ _CORNER_POSITIONS
    return positions
