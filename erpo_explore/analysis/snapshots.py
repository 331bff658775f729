"""Snapshots of training: the last report of each trial up to a step, so that a map can be drawn as of that step.

Trials report at different steps. A snapshot holds each trial's last report since the snapshot before. A trial that
ended earlier is not in it: its score is of another budget.
"""

import numpy as np
import pandas as pd

__all__ = ["snapshot_steps", "snapshots"]


def snapshot_steps(steps: "pd.Series[int]", *, max_count: int = 8) -> list[int]:
    """Choose steps for snapshots, evenly spread over the reported ones; the last one is always among them.

    Args:
        steps: Steps of scored reports.
        max_count: Largest number of steps.

    Example:
        >>> snapshot_steps(pd.Series([100, 100, 200, 300, 400, 500]), max_count=3)
        [100, 300, 500]
    """
    known = np.unique(steps.to_numpy())
    if len(known) <= max_count:
        return [int(step) for step in known]
    wanted = np.linspace(known[0], known[-1], max_count)
    return [int(step) for step in np.unique(known[np.searchsorted(known, wanted, side="right") - 1])]


def snapshots(points: pd.DataFrame, steps: list[int]) -> list[pd.DataFrame]:
    """Select the last report of each trial for each snapshot.

    Args:
        points: One row per report, with `trial` and `step`.
        steps: Steps of the snapshots, rising.

    Returns:
        For each snapshot one row per trial: its last report up to that step and after the snapshot before.
    """
    ordered = points.sort_values("step", kind="stable")
    which = np.searchsorted(np.asarray(steps), ordered["step"].to_numpy(), side="left")
    last = ordered.groupby([which, ordered["trial"].to_numpy()], sort=True).tail(1)
    index_of = np.searchsorted(np.asarray(steps), last["step"].to_numpy(), side="left")
    return [last[index_of == index].reset_index(drop=True) for index in range(len(steps))]
