"""The Tune callback that passes trial reports, checkpoints and failures to the scoreboard and the recorder."""

import logging
from typing import Any, Literal

from ray import tune

from erpo_explore.store.files import join
from erpo_explore.store.layout import CHECKPOINTS
from erpo_explore.tune.callbacks.failures import Failure, last_failure
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.trial_view import TrialView

__all__ = ["RecordingCallback"]

_log = logging.getLogger(__name__)


class RecordingCallback(tune.Callback):
    """Records what trials report."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._recurring: dict[str, str] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Record a report; the statistics of its sentences stay in the scoreboard."""
        del iteration, trials, info
        spec = TrialView(trial).spec
        # before the recorder, which writes the best score so far
        self._recorder.scoreboard.note_report(spec.name, result)
        self._recorder.observe(spec, result)
        # Tune writes every trial's last result into every snapshot
        result.pop("sentences", None)

    def on_trial_save(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record the location of the last report's weights."""
        del iteration, trials, info
        view = TrialView(trial)
        if view.checkpoint is not None:
            self._recorder.note_checkpoint(view.spec, view.iteration, view.checkpoint)
        if self._recorder.scoreboard.shared_iterations:
            self._recorder.scoreboard.note_checkpoints(view.name, view.checkpoints)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record that a trial failed, and put the failure into the assignment of its next worker."""
        del iteration, trials, info
        failure = self._record_failure(trial, "running")
        view = TrialView(trial)
        view.assign(view.assignment.after_failure(num_failures=view.num_failures, diverged=failure.diverged))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record that a trial failed and has no retries left."""
        del iteration, trials, info
        self._record_failure(trial, "failed")

    def _record_failure(self, trial: Any, status: Literal["running", "failed"]) -> Failure:
        """Record why a trial failed; a preemption is logged only."""
        view, failure = TrialView(trial), last_failure(trial)
        if failure.preempted:
            _log.warning("%s: %s; continuing in another worker", view.name, failure.reason)
            return failure
        self._recorder.fail(view.spec, view.last_report, failure.reason, num_failures=view.num_failures, status=status)
        _log.warning("%s", self._line(view.name, failure, status))
        return failure

    def _line(self, name: str, failure: Failure, status: Literal["running", "failed"]) -> str:
        """A failure in one line; a reason that recurs is logged once for all trials."""
        if status == "running":
            return f"{name}: {failure.reason}; retrying from its last checkpoint"
        if not failure.recurs:
            return f"{name}: {failure.reason}; no retries are left"
        if failure.reason in self._recurring:
            return f"{name}: failed as {self._recurring[failure.reason]}"
        self._recurring[failure.reason] = name
        details = join(self._recorder.folder, CHECKPOINTS, name, "error.txt")
        return f"{name}: {failure.reason}; not retried, since it would fail again (traceback in {details})"
