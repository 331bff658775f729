"""Moments of training: what every trial had scored by a step, so that a map can be drawn as of then.

Trials report at steps of their own. At a moment a trial counts with its last report since the moment before. One that
ended earlier does not: its score is of another budget.
"""

import numpy as np
import pandas as pd

__all__ = ["moments", "standing"]


def moments(steps: "pd.Series[int]", *, most: int = 8) -> list[int]:
    """Steps to look at, evenly over training, of those that were reported; the last one always.

    Args:
        steps: Of scored reports.
        most: How many at most.

    Example:
        >>> moments(pd.Series([100, 100, 200, 300, 400, 500]), most=3)
        [100, 300, 500]
    """
    known = np.unique(steps.to_numpy())
    if len(known) <= most:
        return [int(step) for step in known]
    wanted = np.linspace(known[0], known[-1], most)
    return [int(step) for step in np.unique(known[np.searchsorted(known, wanted, side="right") - 1])]


def standing(points: pd.DataFrame, steps: list[int]) -> list[pd.DataFrame]:
    """Where each trial stood at each moment.

    Args:
        points: One row a report, with `trial` and `step`.
        steps: The moments, rising.

    Returns:
        For each moment one row a trial: its last report up to that step and after the moment before.
    """
    ordered = points.sort_values("step", kind="stable")
    which = np.searchsorted(np.asarray(steps), ordered["step"].to_numpy(), side="left")
    last = ordered.groupby([which, ordered["trial"].to_numpy()], sort=True).tail(1)
    moment = np.searchsorted(np.asarray(steps), last["step"].to_numpy(), side="left")
    return [last[moment == index].reset_index(drop=True) for index in range(len(steps))]
