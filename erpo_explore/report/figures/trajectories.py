"""The ways that trials walked over the space, as lines."""

from typing import Any, Final

import pandas as pd

from erpo_explore.analysis.points import map_points
from erpo_explore.report.figures.theme import BEST_COLOR, MEMBER_COLOR

__all__ = ["BEST_WAY", "WAY", "one_way", "ways"]

MOST_WAYS: Final = 60  # more lines than that hide the surface
COORDINATES: Final = ["truth", "noise", "task", "model", "rho", "log10_tau"]
WAY: Final[dict[str, Any]] = {"color": MEMBER_COLOR, "width": 1}
BEST_WAY: Final[dict[str, Any]] = {"color": BEST_COLOR, "width": 3}


def ways(observations: pd.DataFrame) -> pd.DataFrame:
    """Reports of the trials that moved, in order, with a row of nulls after each trial.

    Args:
        observations: The observations table.

    Returns:
        The columns of `map_points`, and `task_noise`, of the trials with the best scores, 60 at most.
    """
    points = one_way(observations.sort_values(["trial", "step"], kind="stable"))
    by_trial = points.groupby("trial")
    moved = by_trial[COORDINATES].nunique().max(axis=1) > 1
    best = by_trial["score"].max()[moved].nlargest(MOST_WAYS).index
    lines = [by_trial.get_group(trial) for trial in best]
    return pd.concat([line.reindex([*line.index, -1]) for line in lines]) if lines else points.head(0)


def one_way(walked: pd.DataFrame) -> pd.DataFrame:
    """Where one set of weights was, in the order of the rows.

    Args:
        walked: Observations, such as `lineage.walked` returns.
    """
    points = map_points(walked, every=True)
    return points.assign(task_noise=points["task"] + points["noise"])
