"""Ray Tune's population-based training, for comparison."""

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.plan.methods.population import plan_members
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD", "plan_every_interval"]


def plan_every_interval(experiment: Experiment, metric: str) -> list[TrialSpec]:
    """The members of a population of Tune's, which evaluates all members after every interval."""
    return plan_members(experiment, metric, [1] * experiment.search.members)


METHOD = SearchMethod(plan=plan_every_interval, scheduler="erpo_explore.tune.schedulers.ray_pbt:TunePbt")
