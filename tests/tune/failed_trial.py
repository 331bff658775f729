"""Trials of Tune's that have failed, without a driver."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial

__all__ = ["failed_trial", "raised_in_worker"]


def failed_trial(folder: Path, *errors: BaseException, actor: Any = None) -> Any:
    """Tune's own record of a trial of one slot whose worker failed.

    Args:
        folder: Folder of the driver for the trial's files.
        errors: What Tune's driver caught, first failure first.
        actor: Handle of the worker.
    """

    class LocalTrial(Trial):
        local_path = str(folder)

    folder.mkdir(parents=True, exist_ok=True)
    trial: Any = LocalTrial("stub", stub=True, trial_id="f00d_00000")
    trial.storage = SimpleNamespace(trial_working_directory=str(folder))
    trial.placement_group_factory = SimpleNamespace(bundles=[{"CPU": 1.0, "GPU": 0.0}])
    trial.temporary_state.ray_actor = actor
    for error in errors:
        trial.handle_error(error)
    return trial


def raised_in_worker(cause: BaseException) -> BaseException:
    """An exception of a worker as `ray.get` raises it in the driver."""
    text = f"Traceback (most recent call last):\n  File 'a.py', line 1, in a\n{type(cause).__name__}: {cause}"
    raised: BaseException = RayTaskError("step", text, cause, "ray::step", 7, "192.0.2.1").as_instanceof_cause()
    return raised
