"""Explorations from Python: run an experiment, or continue one.

What is quick to check comes before what takes seconds to import, so that a mistake is reported at once.
"""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.resolve import resolve
from erpo_explore.plan.trust import check_resumable
from erpo_explore.store.files import Location, as_location
from erpo_explore.store.manifest import check_new
from erpo_explore.tasks.load import load_task

if TYPE_CHECKING:
    from erpo_explore.api.run import Run

__all__ = ["explore", "resume"]


def explore(experiment: Experiment, folder: Location | None = None, *, address: str | None = None) -> "Run":
    """Run an experiment to its end on Ray Tune.

    Ctrl-C interrupts the exploration; `resume` continues it.

    Args:
        experiment: What to explore.
        folder: New results folder, a path or a URI such as s3://bucket/results/mine. Default: results/NAME of the
            experiment.
        address: Address of a Ray cluster. Default: the cluster of this machine, or a new one on it.

    Returns:
        The run with its results.

    Raises:
        ErpoExploreError: Bad data or settings, an existing folder, or too little disk space. Nothing is written then.
    """
    location = as_location(str(folder)) if folder is not None else as_location(f"results/{experiment.name}")
    experiment = resolve(experiment)
    check_new(location)
    task = load_task(experiment.task)
    from erpo_explore.api.run import Run
    from erpo_explore.tune.run import explore as run_experiment

    outcome = run_experiment(experiment, location, address=address, task=task)
    return Run.open(outcome.folder)


def resume(folder: Location, *, data: FilePath | None = None, trust: bool = False, address: str | None = None) -> "Run":
    """Continue an exploration that was interrupted, or whose driver or machine died.

    Args:
        folder: Its results folder, which may have been moved or copied.
        data: Folder that holds its text files now. Default: where they were.
        trust: Whether to accept a folder of another user, and run its code.
        address: As for `explore`.

    Raises:
        ErpoExploreError: The folder holds no exploration, is not trusted, or its experiment or data have changed.
    """
    location = as_location(str(folder))
    check_resumable(location, trust=trust)
    from erpo_explore.api.run import Run
    from erpo_explore.tune.run import resume as resume_experiment

    return Run.open(resume_experiment(location, data=data, address=address).folder)
