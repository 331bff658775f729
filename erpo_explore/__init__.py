"""Explore the hyperparameter space of sequence training on Ray Tune, and find annealing paths through it.

Names are imported when they are first used, so that reading results needs neither Ray nor torch.
"""

from typing import TYPE_CHECKING

from erpo_explore.lazy_import import lazy_names

if TYPE_CHECKING:
    from erpo_explore.advice.cost import Estimate
    from erpo_explore.analysis.best_path import best_path
    from erpo_explore.api.advise import Advice, advise
    from erpo_explore.api.builders import (
        LSTM,
        CustomModel,
        Docstrings,
        Hub,
        Population,
        Pretrained,
        Pronunciations,
        TextFiles,
        Toy,
        Transformer,
    )
    from erpo_explore.api.evaluate import Evaluation, evaluate
    from erpo_explore.api.explore import estimate, explore, resume
    from erpo_explore.api.export import export
    from erpo_explore.api.load_model import load_model
    from erpo_explore.api.replay import Replay, replay
    from erpo_explore.api.run import Run
    from erpo_explore.callables import register
    from erpo_explore.config.experiment import Experiment, Training, load_experiment
    from erpo_explore.config.search import Search
    from erpo_explore.errors import ConfigError, DataError, ErpoExploreError, ResultsError, RunError
    from erpo_explore.space import Estimator, Path, Point, Reward, algorithm
    from erpo_explore.store import load_results
    from erpo_explore.version import __version__

__all__ = [
    "LSTM",
    "Advice",
    "ConfigError",
    "CustomModel",
    "DataError",
    "Docstrings",
    "ErpoExploreError",
    "Estimate",
    "Estimator",
    "Evaluation",
    "Experiment",
    "Hub",
    "Path",
    "Point",
    "Population",
    "Pretrained",
    "Pronunciations",
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
    "advise",
    "algorithm",
    "best_path",
    "estimate",
    "evaluate",
    "explore",
    "export",
    "load_experiment",
    "load_model",
    "load_results",
    "register",
    "replay",
    "resume",
]

__getattr__ = lazy_names(
    __name__,
    {
        "LSTM": "api.builders",
        "Advice": "api.advise",
        "ConfigError": "errors",
        "CustomModel": "api.builders",
        "DataError": "errors",
        "Docstrings": "api.builders",
        "ErpoExploreError": "errors",
        "Estimate": "advice.cost",
        "Estimator": "space",
        "Evaluation": "api.evaluate",
        "Experiment": "config.experiment",
        "Hub": "api.builders",
        "Path": "space",
        "Point": "space",
        "Population": "api.builders",
        "Pretrained": "api.builders",
        "Pronunciations": "api.builders",
        "Replay": "api.replay",
        "ResultsError": "errors",
        "Reward": "space",
        "Run": "api.run",
        "RunError": "errors",
        "Search": "config.search",
        "TextFiles": "api.builders",
        "Toy": "api.builders",
        "Training": "config.experiment",
        "Transformer": "api.builders",
        "__version__": "version",
        "advise": "api.advise",
        "algorithm": "space",
        "best_path": "analysis.best_path",
        "estimate": "api.explore",
        "evaluate": "api.evaluate",
        "explore": "api.explore",
        "export": "api.export",
        "load_experiment": "config.experiment",
        "load_model": "api.load_model",
        "load_results": "store",
        "register": "callables",
        "replay": "api.replay",
        "resume": "api.explore",
    },
)


def __dir__() -> list[str]:
    return __all__
