"""Coordinates and training length of each trial, which may explain its score.

A trial on a path visits many points, so each coordinate is the mean over its reports until the best score.
"""

import numpy as np
import pandas as pd

from erpo_explore.analysis.points import map_points

__all__ = ["CHOICES", "COORDINATES", "TITLES", "trial_table"]

COORDINATES = ("rho", "log10_tau", "truth", "noise", "task", "model", "log10_reward_temperature")
CHOICES = ("metric", "prefix", "label", "estimator", "noise_kind")
TITLES = {
    "step": "steps", "rho": "ρ", "log10_tau": "τ", "truth": "truth", "noise": "noise", "task": "task", "model": "model",
    "log10_reward_temperature": "τ of R", "metric": "metric", "prefix": "prefix", "label": "label",
    "estimator": "estimator", "noise_kind": "noise kind", "score": "score",
}  # fmt: skip
INFINITY_GAP = 1.0  # an infinite temperature is placed this many decades above the highest finite one


def trial_table(observations: pd.DataFrame) -> pd.DataFrame:
    """Summarise each scored trial, the best first.

    Args:
        observations: The observations table.

    Returns:
        One row per trial: trial, algorithm, role, seed, score and objective (its best), step and elapsed_s (at the best
        score), the `COORDINATES`, and the `CHOICES` at the best score. A coordinate is null where a trial has none,
        such as the weights of a constant reward. An infinite temperature is placed a decade above the highest finite
        one.
    """
    observations = observations.reset_index(drop=True)
    points = map_points(observations, every=True)
    rows = observations.loc[points["row"]].reset_index(drop=True)
    temperatures = rows["reward_temperature"].astype(float)
    points["log10_reward_temperature"] = np.log10(temperatures.where(temperatures > 0.0))
    points[["elapsed_s", *CHOICES[1:]]] = rows[["elapsed_s", *CHOICES[1:]]]
    for name in ("log10_tau", "log10_reward_temperature"):
        points[name] = _finite(points[name])
    best = points.sort_values(["objective", "step"], ascending=[False, True], kind="stable").groupby("trial").head(1)
    until = points["trial"].map(best.set_index("trial")["step"])
    means = points[points["step"] <= until].groupby("trial")[list(COORDINATES)].mean()
    columns = ["trial", "algorithm", "role", "seed", "score", "objective", "step", "elapsed_s", *CHOICES]
    return best[columns].join(means, on="trial").reset_index(drop=True)


def _finite(logarithms: "pd.Series[float]") -> "pd.Series[float]":
    """Replace infinite values by finite ones beyond the others."""
    finite = logarithms[np.isfinite(logarithms)]
    top = float(finite.max()) if len(finite) else 0.0
    bottom = float(finite.min()) if len(finite) else 0.0
    return logarithms.replace({np.inf: top + INFINITY_GAP, -np.inf: bottom - INFINITY_GAP})
