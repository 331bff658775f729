"""Score over the space at snapshots of training: on the (ρ, τ) plane, and on the simplex of reward weights.

One surface is fitted per snapshot. All snapshots share one prior, fitted to the snapshot with the most trials: length
scales are a property of the space, not of the step.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from erpo_explore.analysis.gp_surface import fit_prior, fit_surface
from erpo_explore.analysis.points import map_points
from erpo_explore.analysis.simplex import CORNERS, WHOLE, centres, plane_positions, within
from erpo_explore.analysis.snapshots import snapshot_steps, snapshots

__all__ = ["has_map", "map_snapshots", "simplex_surface", "temperature_surface"]

GRID: Final = (36, 31)  # ρ, log τ
MARGIN: Final = 0.35  # decades of τ beyond the outermost trials
SUBDIVISIONS: Final = 20


def map_snapshots(observations: pd.DataFrame, *, max_count: int = 8) -> dict[int, pd.DataFrame]:
    """Points of all trials at several steps of training.

    Args:
        observations: The observations table, with at least one score.
        max_count: Largest number of snapshots.

    Returns:
        By step of the snapshot: the last report of each trial up to it, with the columns of `map_points` and
        `task_noise`, the sum of both shares.
    """
    points = map_points(observations, every=True)
    points["task_noise"] = points["task"] + points["noise"]
    steps = snapshot_steps(points["step"], max_count=max_count)
    return dict(zip(steps, snapshots(points, steps), strict=True))


def has_map(observations: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether trials were at two different positions, so that a map of these columns of `map_points` shows something.

    Args:
        observations: The observations table.
        columns: Coordinates of the map.
    """
    points = map_points(observations, every=True)
    points["task_noise"] = points["task"] + points["noise"]
    return len(points[list(columns)].dropna().round(6).drop_duplicates()) > 1


def temperature_surface(snapshots: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """Fit the score over ρ and log₁₀ τ.

    Args:
        snapshots: Result of `map_snapshots`. Points of infinite τ have no position on the plane and are left out.

    Returns:
        For each snapshot a grid, ρ rising fastest: step, rho, log10_tau, mean, sd (of the mean score over seeds) and
        known (whether trials are near enough). No rows where too few positions were tried.
    """
    finite = {step: points[np.isfinite(points["log10_tau"])] for step, points in snapshots.items()}
    heights = pd.concat([points["log10_tau"] for points in finite.values()])
    if heights.empty:
        return _surface({}, np.empty((0, 2)), pd.DataFrame(columns=["rho", "log10_tau"]))
    low, high = float(heights.min()) - MARGIN, float(heights.max()) + MARGIN
    rho, height = np.meshgrid(np.linspace(0, 1, GRID[0]), np.linspace(low, high, GRID[1]))
    grid = pd.DataFrame({"rho": rho.ravel(), "log10_tau": height.ravel()})

    def scaled(frame: pd.DataFrame) -> Float[np.ndarray, "N 2"]:
        return np.stack([frame["rho"], (frame["log10_tau"] - low) / (high - low)], axis=1)

    return _surface({step: (scaled(each), each) for step, each in finite.items()}, scaled(grid), grid)


def simplex_surface(snapshots: dict[int, pd.DataFrame], low_3: Float[np.ndarray, " 3"] = WHOLE) -> pd.DataFrame:
    """Fit the score over the reward's weights.

    Args:
        snapshots: Result of `map_snapshots`. Points whose reward is constant have no direction and are left out.
        low_3: Lowest shares of the triangle that is drawn, as `simplex.corner_of` finds them.

    Returns:
        For each snapshot the centres of `simplex.cells` within that triangle: step, model, truth, task_noise, and mean,
        sd and known as in `temperature_surface`.
    """
    kept = {step: points.dropna(subset=list(CORNERS)) for step, points in snapshots.items()}
    queries = within(low_3, centres(SUBDIVISIONS))
    located = {step: (plane_positions(points[list(CORNERS)].to_numpy()), points) for step, points in kept.items()}
    return _surface(located, plane_positions(queries), pd.DataFrame(queries, columns=list(CORNERS)))


def _surface(
    located: dict[int, tuple[Float[np.ndarray, "N D"], pd.DataFrame]],
    queries_MD: Float[np.ndarray, "M D"],
    grid: pd.DataFrame,
) -> pd.DataFrame:
    """Surfaces of all snapshots over the same grid."""
    columns = ["step", *grid.columns, "mean", "sd", "known"]
    # of equals the latest: the differences late in training matter
    fullest = max(reversed(located.values()), key=lambda one: len(one[1]), default=None)
    prior = None if fullest is None else fit_prior(fullest[0], fullest[1]["score"].to_numpy())
    if prior is None:
        return pd.DataFrame(columns=columns)
    parts = []
    for step, (positions_ND, points) in located.items():
        if len(points):
            surface = fit_surface(prior, positions_ND, points["score"].to_numpy(), queries_MD)
            parts.append(grid.assign(step=step, mean=surface.mean_N, sd=surface.sd_N, known=surface.known_N))
    return pd.concat(parts, ignore_index=True)[columns]
