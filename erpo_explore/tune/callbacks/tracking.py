"""The Tune callback that logs trial reports to experiment trackers.

An error of a tracker never stops training. The tracker is not used any more until the exploration is resumed; the
results store has every number.
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
from erpo_explore.tune.callbacks.trackers.registry import new_trackers
from erpo_explore.tune.callbacks.trackers.tracker import Tracker
from erpo_explore.tune.trial_view import TrialView

__all__ = ["TrackingCallback", "trial_metrics", "trial_params"]

_log = logging.getLogger(__name__)

_NO_METRICS: Final = ("iteration", "seed", "step")
_METRICS: Final = frozenset(column.name for column in TABLES["observations"].columns) - set(_NO_METRICS)
_LONGEST_TEXT: Final = 500
"""Characters of a param; MLflow refuses longer ones with some stores."""


class TrackingCallback(tune.Callback):
    """Logs trials and their numbers."""

    def __init__(self, experiment: Experiment, folder: Location) -> None:
        """Begin without trackers, which `setup` opens.

        Args:
            experiment: The experiment, with its settings of trackers.
            folder: Results folder.
        """
        self._experiment = experiment
        self._folder = folder
        # Tune's trial ids are short, so two explorations of one project may share some
        self._prefix = uuid4().hex[:8]
        self._trackers: list[Tracker] = []
        self._begun: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """State without connections, which belong to one process."""
        return self.__dict__ | {"_trackers": [], "_begun": set()}

    def get_state(self) -> dict[str, Any]:
        """The key of the exploration's runs, which a resumed driver continues."""
        return {"prefix": self._prefix}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self._prefix = state["prefix"]

    def setup(self, *args: Any, **info: Any) -> None:
        """Open the trackers."""
        del args, info
        self._trackers = new_trackers(self._experiment.tracking, self._experiment.name, self._folder)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Begin a run at the first start; a member starts again whenever it has waited."""
        del iteration, trials, info
        self._begin(trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Log one report."""
        del iteration, trials, info
        self._begin(trial)
        metrics = trial_metrics(result)
        self._call(lambda tracker: tracker.log(self._key(trial), int(result["step"]), metrics))

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
        self._call(lambda tracker: tracker.close())

    def _begin(self, trial: Any) -> None:
        key = self._key(trial)
        if key in self._begun:
            return
        self._begun.add(key)
        spec = TrialView(trial).spec
        params = trial_params(spec, self._experiment)
        self._call(lambda tracker: tracker.begin(key, spec.name, params))

    def _end(self, trial: Any, *, failed: bool) -> None:
        self._begin(trial)
        self._begun.discard(self._key(trial))
        self._call(lambda tracker: tracker.end(self._key(trial), failed=failed))

    def _key(self, trial: Any) -> str:
        """Unique and permanent key of a trial, across explorations."""
        return f"{self._prefix}-{trial.trial_id}"

    def _call(self, method: Callable[[Tracker], None]) -> None:
        """Call each tracker, and remove one that raises."""
        for tracker in list(self._trackers):
            try:
                method(tracker)
            except Exception as error:  # of the tracker's own kinds
                self._trackers.remove(tracker)
                why = " ".join(f"{type(error).__name__}: {error}".split())
                _log.warning("tracking with %s has stopped (%s); training goes on", tracker.name, why)


def trial_params(spec: TrialSpec, experiment: Experiment) -> dict[str, str | float]:
    """What never changes of a trial: numbers, and texts of at most 500 characters."""
    params: dict[str, str | float | None] = {
        "exploration": experiment.name,
        "task": experiment.task.name,
        "model": experiment.model.kind,
        "role": spec.role,
        "algorithm": spec.algorithm,
        "seed": spec.seed,
        # a member's later knots are drawn during training, and are in the metrics
        "path": str(spec.path),
        **{f"training.{name}": value for name, value in experiment.training.model_dump().items()},
    }
    return {
        name: value[:_LONGEST_TEXT] if isinstance(value, str) else value
        for name, value in params.items()
        if value is not None
    }


def trial_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Finite numbers of a report, named as their columns in the store; `test/…` for the test set."""
    numbers = {name: value for name, value in result.items() if name in _METRICS}
    numbers |= {f"test/{name}": value for name, value in result.get("test", {}).items()}
    return {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
