"""The score over the space at moments of training: on the plane of trust and temperature, and on the simplex.

At each moment a field is fitted through where the trials stand then. All moments share one prior, of the moment at
which most trials stand, since what they tell about length scales is of the same space.
"""

from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from erpo_explore.analysis.gp_surface import fit_field, fit_prior
from erpo_explore.analysis.points import map_points
from erpo_explore.analysis.simplex import CORNERS, centres, flat
from erpo_explore.analysis.snapshots import moments, standing

__all__ = ["simplex_surface", "stands", "temperature_surface"]

GRID: Final = (36, 31)  # ρ, log τ
MARGIN: Final = 0.35  # decades of τ beyond the outermost trials
SUBDIVISIONS: Final = 20


def stands(observations: pd.DataFrame, *, most: int = 8) -> dict[int, pd.DataFrame]:
    """Where each trial stood, by the step as of which it did.

    Args:
        observations: The observations table, with at least one score.
        most: Moments at most.

    Returns:
        For each moment what `map_points` says of each trial's last report then, with `task_noise`, the shares of both.
    """
    points = map_points(observations, every=True)
    points["task_noise"] = points["task"] + points["noise"]
    steps = moments(points["step"], most=most)
    return dict(zip(steps, standing(points, steps), strict=True))


def temperature_surface(stood: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """The score over ρ and log₁₀ τ.

    Args:
        stood: What `stands` returns. Points of infinite τ have no place on the plane and are left out.

    Returns:
        For each moment a grid, ρ rising fastest: step, rho, log10_tau, mean, sd (of the score over seeds) and known
        (whether there are trials near enough to say). No rows where too few places were tried.
    """
    finite = {step: points[np.isfinite(points["log10_tau"])] for step, points in stood.items()}
    heights = pd.concat([points["log10_tau"] for points in finite.values()])
    if heights.empty:
        return _surface({}, np.empty((0, 2)), pd.DataFrame(columns=["rho", "log10_tau"]))
    low, high = float(heights.min()) - MARGIN, float(heights.max()) + MARGIN
    rho, height = np.meshgrid(np.linspace(0, 1, GRID[0]), np.linspace(low, high, GRID[1]))
    grid = pd.DataFrame({"rho": rho.ravel(), "log10_tau": height.ravel()})

    def scaled(frame: pd.DataFrame) -> Float[np.ndarray, "N 2"]:
        return np.stack([frame["rho"], (frame["log10_tau"] - low) / (high - low)], axis=1)

    return _surface({step: (scaled(each), each) for step, each in finite.items()}, scaled(grid), grid)


def simplex_surface(stood: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """The score over the reward's weights.

    Args:
        stood: What `stands` returns. Points whose reward is constant have no direction and are left out.

    Returns:
        For each moment the centres of `simplex.cells`: step, model, truth, task_noise, mean, sd and known as in
        `temperature_surface`.
    """
    kept = {step: points.dropna(subset=list(CORNERS)) for step, points in stood.items()}
    asked = centres(SUBDIVISIONS)
    places = {step: (flat(points[list(CORNERS)].to_numpy()), points) for step, points in kept.items()}
    return _surface(places, flat(asked), pd.DataFrame(asked, columns=list(CORNERS)))


def _surface(
    placed: dict[int, tuple[Float[np.ndarray, "N D"], pd.DataFrame]],
    asked_MD: Float[np.ndarray, "M D"],
    grid: pd.DataFrame,
) -> pd.DataFrame:
    """Fields at each moment over the same grid."""
    columns = ["step", *grid.columns, "mean", "sd", "known"]
    # the latest of equals, whose differences are the ones that matter
    fullest = max(reversed(placed.values()), key=lambda one: len(one[1]), default=None)
    prior = None if fullest is None else fit_prior(fullest[0], fullest[1]["score"].to_numpy())
    if prior is None:
        return pd.DataFrame(columns=columns)
    parts = []
    for step, (places_ND, points) in placed.items():
        if len(points):
            field = fit_field(prior, places_ND, points["score"].to_numpy(), asked_MD)
            parts.append(grid.assign(step=step, mean=field.mean_N, sd=field.sd_N, known=field.known_N))
    return pd.concat(parts, ignore_index=True)[columns]
