"""Which checkpoints may go: those that no trial can go on from any more.

Needed are each trial's latest one, which for a fresh clone is its donor's, and the one with the best score of all, for
the user. A checkpoint that is no longer needed is kept until Tune has written two more snapshots of the exploration:
the one that a resumed driver would read may still name it, and the next may have been under way when it was superseded.
Tune's own `num_to_keep` counts for each trial alone, so it deletes what a paused clone has yet to read
(ray #8441) or keeps several of every trial (ray #9865).
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from pyarrow import fs
from ray import tune
from ray.tune.experiment import Trial

from erpo_explore.tune._ray_internals import forget_checkpoint, kept_checkpoints
from erpo_explore.tune.trial_view import TrialView

__all__ = ["CheckpointSweeper"]

_PAUSE_S: Final = 1.0
"""Between two looks at the snapshot, which is in the storage and may be far away."""

_SNAPSHOTS: Final = 2


class CheckpointSweeper(tune.Callback):
    """Deletes checkpoints of an exploration once nobody needs them."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._snapshot: Any = None
        self._num_snapshots = 0
        self._superseded: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: a resumed driver looks at what lies there."""
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew."""
        self.__init__()  # type: ignore[misc]

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Delete what has not been needed for two snapshots."""
        del iteration, info
        if not trials or time.monotonic() - self._looked_at < _PAUSE_S:
            return
        self._looked_at = time.monotonic()
        written = _snapshot_time(trials[0])
        if written != self._snapshot:
            self._snapshot, self._num_snapshots = written, self._num_snapshots + 1
        self._sweep(trials, _SNAPSHOTS)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Delete what is not needed, where there is nothing left to resume."""
        del info
        if all(trial.is_finished() for trial in trials):
            self._sweep(trials, 0)

    def _sweep(self, trials: Sequence[Trial], num_snapshots: int) -> None:
        needed = _needed(trials)
        for trial in trials:
            for saved in kept_checkpoints(trial):
                path = saved.checkpoint.path
                if path in needed:
                    self._superseded.pop(path, None)
                elif self._num_snapshots - self._superseded.setdefault(path, self._num_snapshots) >= num_snapshots:
                    forget_checkpoint(trial, saved)
                    del self._superseded[path]
                    _delete(saved.checkpoint)


def _needed(trials: Sequence[Trial]) -> set[str]:
    """Paths of the checkpoints that a trial goes on from, and of the best one."""
    latest = [TrialView(trial).checkpoint for trial in trials]
    kept = {path for path in latest if path is not None}
    every = [saved for trial in trials for saved in kept_checkpoints(trial)]
    scored = [saved for saved in every if saved.metrics.get("score") is not None]
    if scored:
        kept.add(max(scored, key=lambda saved: float(saved.metrics["score"])).checkpoint.path)
    return kept


def _snapshot_time(trial: Trial) -> Any:
    """When the storage's newest snapshot of the exploration was written; None before the first."""
    storage = trial.storage
    assert storage is not None  # noqa: S101 - of a trial that a Tuner runs
    listed = storage.storage_filesystem.get_file_info(fs.FileSelector(storage.experiment_fs_path, allow_not_found=True))
    return max((file.mtime_ns for file in listed if file.base_name.startswith("experiment_state")), default=None)


def _delete(checkpoint: Any) -> None:
    """Remove a checkpoint's folder; one that is gone already is no error."""
    if checkpoint.filesystem.get_file_info(checkpoint.path).type != fs.FileType.NotFound:
        checkpoint.filesystem.delete_dir(checkpoint.path)
