"""Tells experiment trackers what trials report, as a callback of Tune.

What goes wrong with a tracker never costs training: the store has every number, and the tracker is left alone from
then on, until the exploration is resumed.
"""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from ray import tune

from erpo_explore.config.experiment import Experiment
from erpo_explore.store.files import Location
from erpo_explore.store.schema import TABLES
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.trackers import Tracker, new_trackers
from erpo_explore.tune.trial_view import TrialView

__all__ = ["TrackingCallback", "trial_metrics", "trial_params"]

_log = logging.getLogger(__name__)

_NO_METRICS: Final = ("iteration", "seed", "step")
_METRICS: Final = frozenset(column.name for column in TABLES["observations"].columns) - set(_NO_METRICS)
_LONGEST_TEXT: Final = 500
"""MLflow refuses longer ones of some stores."""


class TrackingCallback(tune.Callback):
    """Hands trials and their numbers to the trackers."""

    def __init__(self, space: Experiment, folder: Location) -> None:
        """Remember what to track.

        Args:
            space: What is explored, and who is told of it.
            folder: The results folder.
        """
        self._space = space
        self._folder = folder
        # Tune's ids are short enough to meet again in a project of many explorations; restored with the callback
        self._prefix = uuid4().hex[:8]
        self._trackers: list[Tracker] = []
        self._begun: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Without connections, which belong to one process."""
        return self.__dict__ | {"_trackers": [], "_begun": set()}

    def setup(self, *args: Any, **info: Any) -> None:
        """Connect."""
        del args, info
        self._trackers = new_trackers(self._space.tracking, self._space.name, self._folder)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Begin a run once, not whenever a member goes on after it has waited."""
        del iteration, trials, info
        self._begin(trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Log one report."""
        del iteration, trials, info
        self._begin(trial)
        metrics = trial_metrics(result)
        self._tell(lambda tracker: tracker.log(self._key(trial), int(result["step"]), metrics))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """End a run."""
        del iteration, trials, info
        self._end(trial, failed=False)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """End the run of a trial that has failed too often."""
        del iteration, trials, info
        self._end(trial, failed=True)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Close what is open, also after Ctrl-C."""
        del trials, info
        self._tell(lambda tracker: tracker.close())

    def _begin(self, trial: Any) -> None:
        key = self._key(trial)
        if key in self._begun:
            return
        self._begun.add(key)
        spec = TrialView(trial).spec
        params = trial_params(spec, self._space)
        self._tell(lambda tracker: tracker.begin(key, spec.name, params))

    def _end(self, trial: Any, *, failed: bool) -> None:
        self._begin(trial)
        self._begun.discard(self._key(trial))
        self._tell(lambda tracker: tracker.end(self._key(trial), failed=failed))

    def _key(self, trial: Any) -> str:
        """The trial's own for good, in this exploration and any other."""
        return f"{self._prefix}-{trial.trial_id}"

    def _tell(self, say: Callable[[Tracker], None]) -> None:
        """Tell each tracker; one that fails is left alone from then on."""
        for tracker in list(self._trackers):
            try:
                say(tracker)
            except Exception as error:  # of the tracker's own kinds
                self._trackers.remove(tracker)
                why = " ".join(f"{type(error).__name__}: {error}".split())
                _log.warning("tracking with %s has stopped (%s); training goes on", tracker.name, why)


def trial_params(spec: TrialSpec, space: Experiment) -> dict[str, str | float]:
    """What a trial is, for as long as it lives: texts of 500 characters at most, and numbers."""
    params: dict[str, str | float | None] = {
        "exploration": space.name,
        "task": space.task.name,
        "model": space.model.kind,
        "role": spec.role,
        "algorithm": spec.algorithm,
        "seed": spec.seed,
        # a member's is drawn on the way, and is in the metrics
        "path": str(spec.path),
        **{f"training.{name}": value for name, value in space.training.model_dump().items()},
    }
    return {
        name: value[:_LONGEST_TEXT] if isinstance(value, str) else value
        for name, value in params.items()
        if value is not None
    }


def trial_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a report, by the names of their columns in the store; those of the test set as `test/…`."""
    numbers = {name: value for name, value in result.items() if name in _METRICS}
    numbers |= {f"test/{name}": value for name, value in result.get("test", {}).items()}
    return {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
