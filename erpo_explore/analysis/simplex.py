"""The simplex of reward weights as a triangle, divided into small triangles on which a surface is drawn.

Corners are model, truth, and the sum of task and noise, in the order of Plotly's ternary axes.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

__all__ = ["CORNERS", "WHOLE", "cells", "centres", "corner_of", "plane_positions", "within"]

CORNERS = ("model", "truth", "task_noise")

WHOLE = np.zeros(3)
"""Lowest shares of the whole triangle."""

_MARGIN = 0.02  # between the outermost trial and the edge
_TENTHS = 10
_MAX_SIDE = 0.8  # a triangle that is hardly smaller is drawn whole

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


def corner_of(shares_N3: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " 3"]:
    """Lowest shares of the smallest triangle, in tenths, that holds all shares with a margin.

    Args:
        shares_N3: Shares, at least one row; rows with NaN are left out.

    Returns:
        The lowest share of each corner; zeros where the triangle is hardly smaller than the whole.

    Example:
        >>> corner_of(np.array([[0.0, 1.0, 0.0], [0.1, 0.85, 0.05]]))
        array([0. , 0.8, 0. ])
    """
    known_N3 = shares_N3[~np.isnan(shares_N3).any(axis=1)]
    if not len(known_N3):
        return WHOLE
    low_3: Float[np.ndarray, " 3"] = np.floor(_TENTHS * np.maximum(known_N3.min(axis=0) - _MARGIN, 0.0)) / _TENTHS
    return low_3 if 1.0 - low_3.sum() <= _MAX_SIDE else WHOLE


def within(low_3: Float[np.ndarray, " 3"], shares: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    """Map shares of the whole triangle to the triangle above the lowest shares."""
    moved: Float[np.ndarray, "*N 3"] = low_3 + (1.0 - low_3.sum()) * shares
    return moved
