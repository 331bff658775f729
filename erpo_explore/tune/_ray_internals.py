"""Everything private or undocumented of Ray that this package touches, one function each.

Ray may change these names in any release. The docstring of each function has its purpose and what breaks without it.
The canary test `test_ray_internals.py` fails with the missing name where another Ray is installed, and
`check_ray_version` refuses another release at the start of a run.
"""

import copy
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from erpo_explore.errors import ConfigError

__all__ = [
    "RAY_RELEASE",
    "check_ray_version",
    "drop_from_last_result",
    "failures_of",
    "forget_checkpoint",
    "kept_checkpoints",
    "last_scores",
    "latest_checkpoint",
    "mark_for_snapshot",
    "pause_unstarted",
    "restart_in_place",
    "set_latest_checkpoint",
    "storage_of_worker",
    "with_checkpoint_of_its_own",
]

RAY_RELEASE: Final = (2, 60)
"""The release whose internals these are, as in the bounds of pyproject.toml."""


def check_ray_version(installed: str | None = None) -> None:
    """Refuse a Ray of another release, before anything is started.

    Args:
        installed: Version of Ray; by default the one that is installed.

    Raises:
        ConfigError: It is of another release than `RAY_RELEASE`.
    """
    installed = installed or version("ray")
    major, minor = RAY_RELEASE
    if installed.split(".")[:2] != [str(major), str(minor)]:
        required = f"ray[tune]>={major}.{minor},<{major}.{minor + 1}"
        raise ConfigError(
            f"Ray {installed} is installed, but this version of erpo-explore needs {required}; pip install '{required}'"
        )


def pause_unstarted(controller: Any, trial: Any) -> None:
    """Move a trial that has no worker to the paused trials.

    Tune has no public call for that. Without it, a member that failed and waits for a decision would get a worker.

    Args:
        controller: `TuneController`, or what Tune gives a scheduler in its place.
        trial: A pending trial.
    """
    if trial in controller._pending_trials:  # it was put there after a failure
        controller._set_trial_status(trial, "PAUSED")
    else:  # it is about to be added
        trial.set_status("PAUSED")


def mark_for_snapshot(controller: Any, trial: Any) -> None:
    """Have the next snapshot of the experiment contain the trial's present state.

    Tune writes the cached state of a trial that has not reported. Without this call, a resumed driver would miss
    decisions that were recorded, or know a clone's new config and its old checkpoint.
    """
    trial.run_metadata.invalidate_cache()
    controller._mark_trial_to_checkpoint(trial)


def restart_in_place(controller: Any, trial: Any, method: str, args: Sequence[Any]) -> None:
    """Call a method of a running trial's worker, then have it load the trial's latest checkpoint and train.

    Tune itself would stop the worker and start another one, which costs seconds per decision.

    Args:
        controller: As for `pause_unstarted`.
        trial: A trial whose worker is idle.
        method: Name of a method of the Trainable.
        args: Its arguments.
    """

    def load_and_train(trial: Any, _: Any) -> None:
        controller._schedule_trial_restore(trial)

    controller._schedule_trial_task(
        trial=trial,
        method_name=method,
        args=tuple(args),
        on_result=load_and_train,
        on_error=controller._trial_task_failure,
    )


def latest_checkpoint(trial: Any) -> Any:
    """The checkpoint that a trial continues from, with the metrics reported with it; None before the first.

    `Trial.checkpoint` is public, but without the metrics.
    """
    return trial.latest_checkpoint_result


def set_latest_checkpoint(trial: Any, saved: Any) -> None:
    """Have a trial continue from another one's checkpoint. Without it there is no cloning.

    Args:
        trial: The clone.
        saved: What `latest_checkpoint` returned for the donor; copied, since Tune changes the record of each trial.
    """
    trial.run_metadata.checkpoint_manager._latest_checkpoint_result = copy.copy(saved)


def kept_checkpoints(trial: Any) -> list[Any]:
    """All checkpoints of a trial that have not been deleted. Without it, old ones could not be found."""
    return list(trial.run_metadata.checkpoint_manager.best_checkpoint_results)


def forget_checkpoint(trial: Any, saved: Any) -> None:
    """Remove a checkpoint from the trial's list, so that Tune does not expect it in the storage after a resume."""
    trial.run_metadata.checkpoint_manager._checkpoint_results.remove(saved)


def failures_of(trial: Any) -> int:
    """Number of a trial's failures as Tune counts them, preemptions excluded."""
    return int(trial.run_metadata.num_failures)


def last_scores(scheduler: Any) -> dict[Any, float]:
    """Last score of each member that Tune's PBT or PB2 knows; its decisions are recorded with them."""
    return {trial: state.last_score for trial, state in scheduler._trial_state.items() if state.last_score is not None}


def storage_of_worker(trainable: Any) -> Any:
    """Tune's storage of a Trainable's trial: file system and folders; None where the Trainable runs without Tune.

    Without it a worker could not save an interval that a preemption interrupts.
    """
    return trainable._storage


def drop_from_last_result(trainable: Any, name: str) -> None:
    """Remove an entry from the result that Tune stores beside the next checkpoint, and in its snapshots.

    Without it the statistics of all sentences, which are in the results store, would make those many times as large.
    """
    if trainable._last_result is not None:
        trainable._last_result = {key: value for key, value in trainable._last_result.items() if key != name}


def with_checkpoint_of_its_own(saved: Any, new: Callable[..., Any]) -> Any:
    """Give a checkpoint that is to be restored a download folder that no other restore shares.

    Tune names the folder by an id in the `Checkpoint`, which copies share. Where several workers of one machine restore
    copies at a time, a late one overwrites what an early one is reading (ray-project/ray#48726).

    Args:
        saved: What Tune passes to `Trainable.restore`; changed in place.
        new: `ray.tune.Checkpoint`, which gives each object another id.
    """
    saved.checkpoint = new(saved.checkpoint.path, saved.checkpoint.filesystem)
    return saved
