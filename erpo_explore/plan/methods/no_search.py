"""No search: the baselines and the given paths are trained alone."""

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD"]


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    del experiment, metric
    return []


METHOD = SearchMethod(plan=_plan)
