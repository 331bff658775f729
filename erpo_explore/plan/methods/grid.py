"""Grid search: every path through the points of a grid."""

import itertools

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.plan.methods.searched import searched_trial
from erpo_explore.search.proposals import grid_points
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD"]


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    search = experiment.search
    paths = itertools.product(grid_points(search, metric), repeat=search.knots)
    return [searched_trial("grid", index, points, experiment) for index, points in enumerate(paths)]


METHOD = SearchMethod(plan=_plan)
