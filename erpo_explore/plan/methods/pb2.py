"""Ray Tune's population-based bandits, for comparison."""

from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.plan.methods.pbt import plan_every_interval

__all__ = ["METHOD"]

METHOD = SearchMethod(plan=plan_every_interval, scheduler="erpo_explore.tune.schedulers.ray_pbt:TunePb2")
