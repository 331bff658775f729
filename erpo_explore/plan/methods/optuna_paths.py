"""Optuna: paths that a sampler suggests while the exploration runs, from the scores of earlier trials."""

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import Requirement, SearchMethod
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD"]


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    """No trials: each one depends on the scores of earlier ones."""
    del experiment, metric
    return []


METHOD = SearchMethod(
    plan=_plan,
    num_suggested=lambda search: search.members,
    searcher="erpo_explore.tune.schedulers.optuna_searcher:PlannedThenOptuna",
    requirement=Requirement(name="Optuna", module="optuna", install="erpo-explore[optuna]"),
)
