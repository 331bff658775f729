"""The Tune callback that passes trial reports, checkpoints and failures to the recorder."""

import logging
from typing import Any, Literal

from ray import tune

from erpo_explore.tune.callbacks.failures import is_preempted, last_failure
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.trial_view import TrialView

__all__ = ["RecordingCallback"]

_log = logging.getLogger(__name__)


class RecordingCallback(tune.Callback):
    """Hands what trials report to the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Record a report; what each sentence adds to the score stays with the scoreboard."""
        del iteration, trials, info
        spec = TrialView(trial).spec
        # first: the recorder writes the best score so far with the report
        self._recorder.scoreboard.note_report(spec.name, result)
        self._recorder.observe(spec, result)
        # Tune writes every trial's last result into every snapshot
        result.pop("sentences", None)

    def on_trial_save(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record where the weights of the last report lie."""
        del iteration, trials, info
        view = TrialView(trial)
        if view.checkpoint is not None:
            self._recorder.note_checkpoint(view.spec, view.iteration, view.checkpoint)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record that a trial has failed, and tell its next worker."""
        del iteration, trials, info
        diverged = self._record_failure(trial, "running")
        view = TrialView(trial)
        view.assign(view.assignment.after_failure(num_failures=view.num_failures, diverged=diverged))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record that a trial has failed too often."""
        del iteration, trials, info
        self._record_failure(trial, "failed")

    def _record_failure(self, trial: Any, status: Literal["running", "failed"]) -> bool:
        """Record why a trial failed, which one that was preempted has not; returns whether it diverged."""
        view = TrialView(trial)
        spec = view.spec
        error, diverged = last_failure(trial)
        if is_preempted(error):
            _log.warning("%s: %s; it goes on elsewhere", spec.name, error.partition(": ")[2])
            return False
        self._recorder.fail(spec, view.last_report, error, num_failures=view.num_failures, status=status)
        _log.warning("%s: %s; %s", spec.name, error, "tried again" if status == "running" else "given up")
        return diverged
