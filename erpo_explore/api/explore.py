"""Explorations from Python: run an experiment, or continue one.

What is quick to check comes before what takes seconds to import, so that a mistake is reported at once.
"""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from erpo_explore.api.advise import Advice, advise
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromResults
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ConfigError, ErpoExploreError, ResultsError
from erpo_explore.plan.trust import check_resumable
from erpo_explore.plan.unchanged import resumable
from erpo_explore.store.files import Location, as_location
from erpo_explore.store.manifest import check_new, load_manifest
from erpo_explore.store.statuses import is_any_unfinished
from erpo_explore.tasks.load import load_task
from erpo_explore.tasks.task import Task
from erpo_explore.tune.deadline import TimeLimit
from erpo_explore.tune.which_ray import check_answers
from erpo_explore.tune.writable_folders import provide_home

if TYPE_CHECKING:
    from erpo_explore.advice.cost import Estimate
    from erpo_explore.api.run import Run

__all__ = ["estimate", "explore", "resume"]


def explore(
    experiment: "Experiment | Advice | None" = None,
    folder: Location | None = None,
    *,
    data: "FilePath | str | None" = None,
    max_hours: float | None = None,
    tells_cost: bool = False,
    address: str | None = None,
) -> "Run":
    """Run an experiment to its end on Ray Tune.

    Ctrl-C interrupts the exploration; `resume` continues it.

    Args:
        experiment: What to explore: an experiment, or what `advise` chose.
        folder: New results folder, a path or a URI such as s3://bucket/results/mine. Default: results/NAME of the
            experiment.
        data: Folder of text files, in the place of an experiment: `advise` chooses one for it.
        max_hours: Time for all of it. Two steps and an evaluation are timed first. Then steps, members and replications
            are reduced until the exploration fits, and the reduction is logged. What is unfinished at the end of the
            time is interrupted; `resume` continues it.
        tells_cost: Whether to time two steps and an evaluation first, and to log what the exploration will cost.
        address: Address of a Ray cluster. Default: the cluster of this machine, or a new one on it.

    Returns:
        The run with its results.

    Raises:
        ErpoExploreError: Bad data or settings, an existing folder, too little disk space, or too little time. Nothing
            is written then.
    """
    time_limit = TimeLimit.from_hours(max_hours)
    advice, chosen = _chosen(experiment, data, max_hours)
    location = as_location(str(folder)) if folder is not None else as_location(f"results/{chosen.name}")
    check_new(location)
    chosen, task = _checked(chosen, address)
    from erpo_explore.api.run import Run
    from erpo_explore.tune.run import explore as run_experiment

    outcome = run_experiment(
        chosen,
        location,
        address=address,
        task=task,
        tells_cost=tells_cost,
        time_limit=time_limit,
        can_grow=_can_grow(advice),
        remarks=(*(advice.lines if advice is not None else ()), *_unread(chosen)),
    )
    return Run.open(outcome.folder, timed_out=outcome.timed_out)


def _checked(experiment: Experiment, address: str | None) -> tuple[Experiment, Task]:
    """The experiment with absolute locations, and its task. What is quick to check comes first."""
    experiment = resolve(experiment)
    _check_earlier_results(experiment)
    check_answers(address)
    task = load_task(experiment.task)
    provide_home()
    return experiment, task


def _unread(experiment: Experiment) -> tuple[str, ...]:
    """A line about settings that have no effect, if there are any."""
    names = [f"search.{name}" for name in experiment.search.unread]
    if not names:
        return ()
    return (f"no effect with search.method {experiment.search.method}: {', '.join(names)}",)


def _check_earlier_results(experiment: Experiment) -> None:
    """Check that the results folders exist that an experiment names."""
    search = experiment.search
    folders = [("search.warm_start", folder) for folder in search.warm_start]
    folders += [("search.prior", folder) for folder in search.prior]
    if isinstance(experiment.init_from, FromResults):
        folders.append(("init_from", experiment.init_from.results))
    for field, folder in folders:
        try:
            load_manifest(as_location(folder))
        except ResultsError as error:
            raise ResultsError(f"{field}: {error}") from error


def estimate(
    experiment: "Experiment | Advice | None" = None,
    *,
    data: "FilePath | str | None" = None,
    max_hours: float | None = None,
    address: str | None = None,
) -> "Estimate":
    """Time two steps and an evaluation, and say what an exploration would cost. Nothing is written.

    Args:
        experiment: As for `explore`.
        data: As for `explore`.
        max_hours: As for `explore`; the estimate is then that of the reduced exploration.
        address: As for `explore`.

    Raises:
        ErpoExploreError: As `explore`.
    """
    time_limit = TimeLimit.from_hours(max_hours)
    advice, chosen = _chosen(experiment, data, max_hours)
    chosen, task = _checked(chosen, address)
    from erpo_explore.tune.run import estimate as estimate_experiment

    return estimate_experiment(chosen, address=address, task=task, time_limit=time_limit, can_grow=_can_grow(advice))


def _chosen(
    experiment: "Experiment | Advice | None", data: "FilePath | str | None", max_hours: float | None
) -> "tuple[Advice | None, Experiment]":
    """The advice, where there is one, and the experiment."""
    if (experiment is None) == (data is None):
        raise ConfigError("explore needs an experiment or data, and not both; data=DIR chooses an experiment for it")
    chosen = experiment if experiment is not None else advise(str(data), max_hours=max_hours)
    return (chosen, chosen.experiment) if isinstance(chosen, Advice) else (None, chosen)


def _can_grow(advice: "Advice | None") -> bool:
    """Whether replications may be added: they were neither written nor set."""
    return advice is not None and "num_seeds" not in advice.experiment.model_fields_set


def resume(
    folder: Location,
    *,
    data: FilePath | None = None,
    trust: bool = False,
    max_hours: float | None = None,
    address: str | None = None,
) -> "Run":
    """Continue an exploration that was interrupted, or whose driver or machine died.

    Args:
        folder: Its results folder, which may have been moved or copied.
        data: Folder that holds its text files now. Default: where they were.
        trust: Whether to accept a folder of another user, and run its code.
        max_hours: Time for it; what is unfinished then is interrupted again. Nothing is reduced.
        address: As for `explore`.

    Raises:
        ErpoExploreError: The folder holds no exploration, is not trusted, or its experiment or data have changed.
    """
    time_limit = TimeLimit.from_hours(max_hours)
    location = as_location(str(folder))
    check_resumable(location, trust=trust)
    check_answers(address)
    try:
        resumable(location, data)
    except ErpoExploreError:
        if is_any_unfinished(location):  # a finished exploration needs neither its data nor its settings
            raise
    provide_home()
    from erpo_explore.api.run import Run
    from erpo_explore.tune.run import resume as resume_experiment

    outcome = resume_experiment(location, data=data, address=address, time_limit=time_limit)
    return Run.open(outcome.folder, timed_out=outcome.timed_out)
