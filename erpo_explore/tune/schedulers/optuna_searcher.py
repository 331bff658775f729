"""Optuna over constant points and parametric paths: the planned trials first, then Optuna's suggestions.

Optuna's parameters are the coordinates of each knot in the unit cube (`search.region.Region`) and its categories. Ray
Tune's `OptunaSearch` holds the study. This class adds the planned baselines and paths, which Tune's has no place for,
and turns parameters into paths. The sampler is Optuna's own (tree-structured Parzen estimators, Bergstra et al. 2011).
The first half of the trials, at most ten, are random; Optuna's default is ten, however few trials there are.

The same seed and the same scores in the same order give the same suggestions. With several workers, the order in which
trials end depends on their speed.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Final

import numpy as np
import optuna
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.search import CATEGORIES
from erpo_explore.plan.methods import searched_trial
from erpo_explore.plan.trials import num_suggested
from erpo_explore.search.region import Region
from erpo_explore.space import Point
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder

__all__ = ["PlannedThenOptuna"]

_MAX_RANDOM: Final = 10


class PlannedThenOptuna(Searcher):
    """Tune's searcher for an exploration with Optuna."""

    def __init__(self, experiment: Experiment, planned: Sequence[TrialSpec], metric: str, recorder: Recorder) -> None:
        """Bind to an exploration.

        Args:
            experiment: Ranges, number of knots and of trials, seed.
            planned: Trials that are started first, and that Optuna does not learn from.
            metric: Name of the task's metric.
            recorder: Records suggested trials before they start.
        """
        super().__init__(metric="objective", mode="max")
        self._experiment = experiment
        self._planned = tuple(planned)
        self._task_metric = metric
        self._recorder = recorder
        self._num_handed = 0
        self._suggested: set[str] = set()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        num_random = min(_MAX_RANDOM, (num_suggested(experiment) + 1) // 2)
        self._optuna = OptunaSearch(
            _distributions(Region.from_search(experiment.search, metric), experiment.search.knots),
            metric="objective",
            mode="max",
            sampler=optuna.samplers.TPESampler(seed=experiment.seed, n_startup_trials=num_random),
        )

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next planned trial, or Optuna's next suggestion."""
        index = self._num_handed - len(self._planned)
        self._num_handed += 1
        if index < 0:
            return Assignment(spec=self._planned[index]).to_dict()
        spec = searched_trial("optuna", index, self._points(self._optuna.suggest(trial_id) or {}), self._experiment)
        self._suggested.add(trial_id)
        self._recorder.begin_anew(spec)
        return Assignment(spec=spec).to_dict()

    def _points(self, chosen: dict[str, Any]) -> list[Point]:
        region = Region.from_search(self._experiment.search, self._task_metric)
        points = []
        for knot in range(self._experiment.search.knots):
            metric, prefix, label = (chosen[_key(name, knot)] for name in CATEGORIES)
            unit_D = np.array([chosen[_key(name, knot)] for name in region.ranges], np.float64)
            points.append(region.point(unit_D, (metric, prefix, label)))
        return points

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass a report on to Optuna."""
        if trial_id in self._suggested and result["score"] is not None:
            self._optuna.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass the last score on to Optuna, or that there is none."""
        if trial_id in self._suggested:
            self._optuna.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Write the number of trials started, and the study with its sampler.

        Not the recorder, which a restored driver's callbacks share with this searcher, and so its scoreboard.
        """
        state = {name: value for name, value in self.__dict__.items() if name != "_recorder"}
        FilePath(checkpoint_path).write_bytes(pickle.dumps(state))

    def restore(self, checkpoint_path: str) -> None:
        """Read what `save` wrote."""
        self.__dict__.update(pickle.loads(FilePath(checkpoint_path).read_bytes()))  # noqa: S301 - Tune's own state


def _distributions(region: Region, num_knots: int) -> dict[str, Any]:
    of_knot: dict[str, Any] = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in region.ranges}
    for name, values in zip(CATEGORIES, region.choices, strict=True):
        of_knot[name] = optuna.distributions.CategoricalDistribution(values)
    return {_key(name, knot): of_knot[name] for knot in range(num_knots) for name in of_knot}


def _key(name: str, knot: int) -> str:
    return f"{name}@{knot}"
