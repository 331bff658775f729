"""Explore the hyperparameter space of sequence training on Ray Tune, and find annealing paths through it.

Names are imported when they are first used, so that reading results needs neither Ray nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from erpo_explore.analysis.best_path import best_path
    from erpo_explore.api.builders import (
        LSTM,
        CustomModel,
        Docstrings,
        Hub,
        Population,
        Pretrained,
        TextFiles,
        Toy,
        Transformer,
    )
    from erpo_explore.api.explore import explore, resume
    from erpo_explore.api.replay import Replay, replay
    from erpo_explore.api.run import Run
    from erpo_explore.callables import register
    from erpo_explore.config.experiment import Experiment, Training, load_experiment
    from erpo_explore.config.search import Search
    from erpo_explore.errors import ConfigError, DataError, ErpoExploreError, ResultsError, RunError
    from erpo_explore.space import Estimator, Path, Point, Reward, algorithm
    from erpo_explore.store import load_results

    __version__: str

_HOMES: Final = {
    "erpo_explore.analysis.best_path": ("best_path",),
    "erpo_explore.api.builders": (
        "LSTM",
        "CustomModel",
        "Docstrings",
        "Hub",
        "Population",
        "Pretrained",
        "TextFiles",
        "Toy",
        "Transformer",
    ),
    "erpo_explore.api.explore": ("explore", "resume"),
    "erpo_explore.api.replay": ("Replay", "replay"),
    "erpo_explore.api.run": ("Run",),
    "erpo_explore.callables": ("register",),
    "erpo_explore.config.experiment": ("Experiment", "Training", "load_experiment"),
    "erpo_explore.config.search": ("Search",),
    "erpo_explore.errors": ("ConfigError", "DataError", "ErpoExploreError", "ResultsError", "RunError"),
    "erpo_explore.space": ("Estimator", "Path", "Point", "Reward", "algorithm"),
    "erpo_explore.store": ("load_results",),
}
"""Module of each public name."""

_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LSTM",
    "ConfigError",
    "CustomModel",
    "DataError",
    "Docstrings",
    "ErpoExploreError",
    "Estimator",
    "Experiment",
    "Hub",
    "Path",
    "Point",
    "Population",
    "Pretrained",
    "Replay",
    "ResultsError",
    "Reward",
    "Run",
    "RunError",
    "Search",
    "TextFiles",
    "Toy",
    "Training",
    "Transformer",
    "__version__",
    "algorithm",
    "best_path",
    "explore",
    "load_experiment",
    "load_results",
    "register",
    "replay",
    "resume",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("erpo-explore")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
