"""The scheduler and the searcher of an experiment's search method, imported when an exploration starts."""

from collections.abc import Sequence
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from erpo_explore.config.experiment import Experiment
from erpo_explore.named_function import load_named
from erpo_explore.plan.methods import find_method
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.early_stopping import EarlyStopping

__all__ = ["new_pointwise_scheduler", "new_scheduler", "new_searcher"]


def new_scheduler(experiment: Experiment, metric: str, recorder: Recorder) -> TrialScheduler:
    """Build the scheduler, which decides which trial runs when, and until when.

    Args:
        experiment: Its search method names the scheduler.
        metric: Name of the task's metric.
        recorder: Writes the decisions, and has the scoreboard.
    """
    made: TrialScheduler = _factory(find_method(experiment.search.method).scheduler)(experiment, metric, recorder)
    return made


def new_searcher(
    experiment: Experiment, planned: Sequence[TrialSpec], metric: str, recorder: Recorder
) -> Searcher | None:
    """Build what suggests trials while the exploration runs; None where all trials are planned."""
    named = find_method(experiment.search.method).searcher
    if named is None:
        return None
    made: Searcher = _factory(named)(experiment, planned, metric, recorder)
    return made


def new_pointwise_scheduler(experiment: Experiment, metric: str, recorder: Recorder) -> TrialScheduler:
    """Trials in their order, with the early stopping of `search.early_stopping`."""
    del metric
    return (
        FIFOScheduler()
        if experiment.search.early_stopping == "none"
        else EarlyStopping(experiment, recorder.scoreboard)
    )


def _factory(name: str) -> Any:
    return load_named("search.method", name, "a class or function that builds a part of Ray Tune")
