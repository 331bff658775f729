"""Deletes checkpoints that no trial can continue from any more.

Three kinds are needed: each trial's latest ones, of which a fresh clone has its donor's, those that a branch may begin
with while the search goes on, and the one with the best score of all trials, for the user. Any other is deleted after
Tune has written two more snapshots of the exploration. The snapshot that a resumed driver would read may still name it,
and the next one may have been started before it was superseded. Tune's own `num_to_keep` counts per trial. So it
deletes checkpoints that a paused clone has yet to read (ray #8441), or keeps several per trial (ray #9865).
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from pyarrow import fs
from ray import tune
from ray.tune.experiment import Trial

from erpo_explore.tune._ray_internals import forget_checkpoint, kept_checkpoints
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_view import TrialView

__all__ = ["CheckpointSweeper"]

_PAUSE_S: Final = 1.0
"""Time between two reads of the snapshot's time, which may lie in a remote storage."""

_SNAPSHOTS: Final = 2
"""Number of snapshots after which a superseded checkpoint is deleted."""


class CheckpointSweeper(tune.Callback):
    """Deletes the checkpoints of an exploration that are not needed."""

    def __init__(self, num_kept: int = 1, scoreboard: Scoreboard | None = None) -> None:
        """Keep the last checkpoints of each trial.

        Args:
            num_kept: Number of them per trial.
            scoreboard: Knows those that other trials may begin with; None where none does.
        """
        self._num_kept = num_kept
        self._scoreboard = scoreboard
        self._last_read_s = 0.0
        self._snapshot: Any = None
        self._num_snapshots = 0
        self._superseded: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """The setting alone: a resumed driver examines all checkpoints again."""
        return {"num_kept": self._num_kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin without superseded checkpoints."""
        # a resumed exploration may have another setting than the one whose state this is
        scoreboard = getattr(self, "_scoreboard", None)
        self.__init__(getattr(self, "_num_kept", state.get("num_kept", 1)), scoreboard)  # type: ignore[misc]

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Delete checkpoints that two snapshots did not need."""
        del iteration, info
        if not trials or time.monotonic() - self._last_read_s < _PAUSE_S:
            return
        self._last_read_s = time.monotonic()
        written = _snapshot_time(trials[0])
        if written != self._snapshot:
            self._snapshot, self._num_snapshots = written, self._num_snapshots + 1
        self._sweep(trials, _SNAPSHOTS)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Delete all that are not needed, unless trials are left to resume."""
        del info
        if all(trial.is_finished() for trial in trials):
            self._sweep(trials, 0)

    def _sweep(self, trials: Sequence[Trial], num_snapshots: int) -> None:
        needed = _needed(trials, self._num_kept)
        if self._scoreboard is not None:
            needed |= {saved.checkpoint.path for saved in self._scoreboard.shared_checkpoints.values()}
        for trial in trials:
            for saved in kept_checkpoints(trial):
                path = saved.checkpoint.path
                if path in needed:
                    self._superseded.pop(path, None)
                elif self._num_snapshots - self._superseded.setdefault(path, self._num_snapshots) >= num_snapshots:
                    forget_checkpoint(trial, saved)
                    del self._superseded[path]
                    _delete(saved.checkpoint)


def _needed(trials: Sequence[Trial], num_kept: int) -> set[str]:
    """Paths of the checkpoints that trials continue from, of the last ones of each trial, and of the best one."""
    latest = [TrialView(trial).checkpoint for trial in trials]
    kept = {path for path in latest if path is not None}
    for trial in trials:
        newest = sorted(kept_checkpoints(trial), key=lambda saved: int(saved.metrics.get("training_iteration", 0)))
        # the latest one of a fresh clone is its donor's
        kept.update(saved.checkpoint.path for saved in newest[-num_kept:] if num_kept > 1)
    every = [saved for trial in trials for saved in kept_checkpoints(trial)]
    scored = [saved for saved in every if saved.metrics.get("objective") is not None]
    if scored:
        kept.add(max(scored, key=lambda saved: float(saved.metrics["objective"])).checkpoint.path)
    return kept


def _snapshot_time(trial: Trial) -> Any:
    """Time of the newest snapshot of the exploration in the storage; None before the first."""
    storage = trial.storage
    assert storage is not None  # noqa: S101 - of a trial that a Tuner runs
    listed = storage.storage_filesystem.get_file_info(fs.FileSelector(storage.experiment_fs_path, allow_not_found=True))
    return max((file.mtime_ns for file in listed if file.base_name.startswith("experiment_state")), default=None)


def _delete(checkpoint: Any) -> None:
    """Remove a checkpoint's folder, if it exists."""
    if checkpoint.filesystem.get_file_info(checkpoint.path).type != fs.FileType.NotFound:
        checkpoint.filesystem.delete_dir(checkpoint.path)
