"""Trajectories of trials through the space, as lines."""

from typing import Any, Final

import pandas as pd

from erpo_explore.analysis.points import map_points
from erpo_explore.report.figures.theme import BEST_COLOR, MEMBER_COLOR

__all__ = ["BEST_TRAJECTORY_STYLE", "TRAJECTORY_STYLE", "trajectories", "trajectory"]

MAX_TRAJECTORIES: Final = 60  # more lines would hide the surface
COORDINATES: Final = ["truth", "noise", "task", "model", "rho", "log10_tau"]
TRAJECTORY_STYLE: Final[dict[str, Any]] = {"color": MEMBER_COLOR, "width": 1}
BEST_TRAJECTORY_STYLE: Final[dict[str, Any]] = {"color": BEST_COLOR, "width": 3}


def trajectories(observations: pd.DataFrame) -> pd.DataFrame:
    """Collect the reports of trials that moved, in order, with a row of nulls after each trial.

    Args:
        observations: The observations table.

    Returns:
        The columns of `map_points`, and `task_noise`, of the 60 trials with the best scores.
    """
    points = trajectory(observations.sort_values(["trial", "step"], kind="stable"))
    by_trial = points.groupby("trial")
    moved = by_trial[COORDINATES].nunique().max(axis=1) > 1
    best = by_trial["objective"].max()[moved].nlargest(MAX_TRAJECTORIES).index
    lines = [by_trial.get_group(trial) for trial in best]
    return pd.concat([line.reindex([*line.index, -1]) for line in lines]) if lines else points.head(0)


def trajectory(rows: pd.DataFrame) -> pd.DataFrame:
    """Points of one set of weights, in the order of the rows.

    Args:
        rows: Observations, as `lineage.path_so_far` returns them.
    """
    points = map_points(rows, every=True)
    return points.assign(task_noise=points["task"] + points["noise"])
