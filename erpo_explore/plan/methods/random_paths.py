"""Random search: paths whose knots are drawn from the ranges.

Every trial draws from a generator of its own, so more trials or more knots leave the earlier draws as they were.
"""

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.plan.methods.searched import searched_trial
from erpo_explore.search.proposals import random_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD"]


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    search = experiment.search
    generators = [keyed_generator(experiment.seed, 0, index) for index in range(search.members)]
    return [
        searched_trial(
            "random", index, [random_point(search, metric, generator) for _ in range(search.knots)], experiment
        )
        for index, generator in enumerate(generators)
    ]


METHOD = SearchMethod(plan=_plan)
