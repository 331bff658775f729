"""Everything private or undocumented of Ray that this package touches, one function each.

Ray may change these names in any release. The docstring of each function has its purpose and what breaks without it.
The canary test `test_ray_internals.py` fails with the missing name where another Ray is installed, and
`check_ray_version` refuses another release at the start of a run.
"""

import copy
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ray import tune
from ray._common.utils import get_ray_address_file
from ray._private import state, utils
from ray.job_config import JobConfig
from ray.tune.experiment import Trial

from erpo_explore.errors import ConfigError

__all__ = [
    "RAY_RELEASE",
    "SNAPSHOT",
    "address_file",
    "check_ray_version",
    "drop_from_last_result",
    "failures_of",
    "forget_checkpoint",
    "kept_checkpoints",
    "last_error",
    "last_scores",
    "latest_checkpoint",
    "mark_for_snapshot",
    "move_trial",
    "node_of_actor",
    "own_signal_handlers",
    "pause_unstarted",
    "restart_in_place",
    "resuming",
    "retrying_if",
    "set_latest_checkpoint",
    "storage_of_worker",
    "with_checkpoint_of_its_own",
    "with_search_path",
    "worker_of",
]

RAY_RELEASE: Final = (2, 60)
"""The release whose internals these are, as in the bounds of pyproject.toml."""

SNAPSHOT: Final = "experiment_state"
"""Begin of the names of Tune's snapshots. Without it, a resumed driver could not tell whether there is one."""


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


def address_file() -> str:
    """File in which `ray start` notes the address of this machine's cluster, which may have ended since."""
    return str(get_ray_address_file(None))


class _Fixed(list[str]):
    """A list that Ray cannot add the working folder to."""

    def extend(self, added: Any) -> None:
        """Add nothing."""


def with_search_path(folders: Sequence[str]) -> Any:
    """The configuration of a job whose workers look for modules in these folders first, in this order.

    Ray itself puts the working folder first, which the driver may not search at all. A `statistics.py` there would be
    imported in the place of Python's, in all workers and not in the driver.

    Args:
        folders: The folders.

    Returns:
        None for a job that Ray's job server submitted, which brings its own configuration.
    """
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return None
    config = JobConfig()
    # a worker inserts one after the other at the front
    config._py_driver_sys_path = _Fixed(reversed(folders))
    return config


@contextmanager
def own_signal_handlers() -> Iterator[None]:
    """Keep Ray, while it connects or starts, from replacing this process's handler of SIGTERM.

    Ray's own handler raises `SystemExit`, and the exploration would end with a C++ stack trace and without a snapshot.
    The processes that Ray starts meanwhile are deaf to SIGHUP: a closing terminal sends it to all of them, and the
    driver could save nothing without them.
    """
    set_handler = utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda _: None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        utils.set_sigterm_handler = set_handler


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


def last_error(trial: Any) -> BaseException | None:
    """The exception of a trial's last failure, as Tune's driver caught it. Without it, only its text would be known.

    Tune appends the text of every failure to one file, and pickles errors of tasks and actors to another. An error of
    any other kind, such as Ray's `OutOfMemoryError`, is kept as text only. The pickle is then of an earlier failure,
    and the text does not end with it.

    Returns:
        The exception; None where there was no failure, or only its text is known.
    """
    pickled = trial.pickled_error_file
    if pickled is None or not Path(pickled).is_file():
        return None
    try:
        error: BaseException = pickle.loads(Path(pickled).read_bytes())  # noqa: S301 - this driver wrote it
    except Exception:  # a user's exception class may have a constructor that takes other arguments
        return None
    text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    return error if " ".join(text.split()).endswith(" ".join(str(error).split())) else None


@contextmanager
def retrying_if(may_retry: Callable[[Any], bool]) -> Iterator[None]:
    """Have Tune retry a failed trial only if a function agrees, for the duration of the block.

    Tune decides by the number of failures alone, in a method of the trial. Without this, a failure that must repeat
    itself costs all retries.

    Args:
        may_retry: Called with a trial that has just failed and has retries left.
    """
    by_number: Any = Trial.should_recover
    Trial.should_recover = lambda trial: by_number(trial) and may_retry(trial)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trial.should_recover = by_number  # type: ignore[method-assign]


def last_scores(scheduler: Any) -> dict[Any, float]:
    """Last score of each member that Tune's PBT or PB2 knows; its decisions are recorded with them."""
    return {trial: state.last_score for trial, state in scheduler._trial_state.items() if state.last_score is not None}


def worker_of(trial: Any) -> str | None:
    """Id of the Ray actor in which a trial runs; None where it has none.

    Tune drops the actor of a trial that failed before its callbacks are called, so it is noted when the trial starts.
    """
    actor = trial.temporary_state.ray_actor
    return None if actor is None else str(actor._actor_id.hex())


def node_of_actor(actor_id: str) -> str | None:
    """Id of the node on which an actor runs or ran; None where Ray does not know the actor.

    The public state API needs Ray's dashboard. Without this function, the node would have to be parsed from the text
    of an error: an `ActorDiedError` has the actor's id alone, and the exception of a task has lost its `ip`.
    """
    known = state.actors(actor_id)
    return known["Address"]["NodeID"] or None if known else None


def resuming() -> dict[str, Any]:
    """Arguments with which a new `Tuner` continues from the newest snapshot in its storage.

    `Tuner.restore` would take callbacks, scheduler and searcher from a pickle of the first driver, with the folder and
    the settings of that time.
    """
    resumed: Any = tune.ResumeConfig.ResumeType.RESUME  # which Ray declares as text
    return {"_tuner_kwargs": {"resume_config": tune.ResumeConfig(unfinished=resumed, errored=resumed)}}


def move_trial(trial: Any, filesystem: Any, storage_path: str, name: str) -> None:
    """Have a trial write to a storage, and find there all checkpoints that it knows.

    Tune itself moves the checkpoints in the trial's own folder, if the trial is in the snapshot. It moves neither a
    donor's checkpoint, from which a clone continues, nor trials that a searcher makes after the snapshot. Without this
    function, a moved exploration would look for them in the folder in which it began, and a copy would write there.

    Args:
        trial: A trial, whose checkpoints lie at `TRIAL/CHECKPOINT` of some storage.
        filesystem: Where it writes from now on.
        storage_path: As in `tune.RunConfig`.
        name: As in `tune.RunConfig`.
    """
    storage = copy.copy(trial.storage)
    storage.storage_filesystem, storage.storage_fs_path, storage.experiment_dir_name = filesystem, storage_path, name
    trial.set_storage(storage)
    for saved in (*kept_checkpoints(trial), latest_checkpoint(trial)):
        if saved is not None and saved.checkpoint is not None:
            within = PurePosixPath(saved.checkpoint.path).parts[-2:]
            path = PurePosixPath(storage.experiment_fs_path, *within).as_posix()
            saved.checkpoint = tune.Checkpoint(path, filesystem)
    trial.run_metadata.invalidate_cache()


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
