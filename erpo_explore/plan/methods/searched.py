"""A trial of a pointwise search: one whole path, chosen before the trial begins."""

from collections.abc import Sequence
from typing import Literal

from erpo_explore.config.experiment import Experiment
from erpo_explore.space import Path, Point
from erpo_explore.trial import TrialSpec

__all__ = ["searched_trial"]


def searched_trial(
    role: Literal["grid", "random", "optuna"], index: int, points: Sequence[Point], experiment: Experiment
) -> TrialSpec:
    """The trial of a path through freely chosen points, evenly spaced over the budget."""
    last = max(1, len(points) - 1)
    path = Path(knots=tuple((position / last, point) for position, point in enumerate(points)))
    return TrialSpec(name=f"{role}-{index}", role=role, algorithm=None, seed=experiment.seed, path=path)
