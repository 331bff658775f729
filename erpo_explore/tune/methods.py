"""What a search method is to Ray Tune: a scheduler, and a searcher where trials are made up on the way."""

from collections.abc import Sequence
from importlib.util import find_spec

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.early_stopping import EarlyStopping
from erpo_explore.tune.schedulers.population import PopulationBasedAnnealing
from erpo_explore.tune.schedulers.ray_pbt import TunePb2, TunePbt

__all__ = ["check_installed", "new_scheduler", "new_searcher"]


def check_installed(search: Search) -> None:
    """Look for what a method needs beside the package's own requirements.

    Raises:
        ConfigError: It is not there.
    """
    if search.method == "optuna" and find_spec("optuna") is None:
        raise ConfigError(
            "search.method optuna needs Optuna, which is not installed; pip install 'erpo-explore[optuna]'"
        )


def new_scheduler(space: Experiment, metric: str, recorder: Recorder) -> TrialScheduler:
    """Who runs when, and until when.

    Args:
        space: What the user wrote.
        metric: The task's own metric.
        recorder: Where decisions are written.
    """
    match space.search.method:
        case "population":
            return PopulationBasedAnnealing(space, metric, recorder)
        case "pbt":
            return TunePbt(space, metric, recorder)
        case "pb2":
            return TunePb2(space, metric, recorder)
    return FIFOScheduler() if space.search.early_stopping == "none" else EarlyStopping(space, recorder)


def new_searcher(space: Experiment, planned: Sequence[TrialSpec], metric: str, recorder: Recorder) -> Searcher | None:
    """What makes up trials while the exploration runs; None where all of them are planned."""
    if space.search.method != "optuna":
        return None
    # an optional dependency
    from erpo_explore.tune.schedulers.optuna_searcher import PlannedThenOptuna

    return PlannedThenOptuna(space, planned, metric, recorder)
