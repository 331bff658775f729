"""From `init_from` to the checkpoints that all trials begin with, and their record in `exploration.yaml`.

The record names each checkpoint by folder and sha256, so that a resumed exploration goes on from the same weights or
fails with an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from erpo_explore.config.anchored import anchored
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromCheckpoint, FromFolder, FromResults, FromTraining
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.plan.unchanged import DATA, TASK_PLACES, changed_data
from erpo_explore.store.files import Location, as_location, is_folder, join, resolved, within
from erpo_explore.store.manifest import load_manifest

__all__ = [
    "INITIAL",
    "INITIAL_FOLDERS",
    "checkpoint_record",
    "find_checkpoints",
    "has_kept_checkpoints",
    "initial_experiment",
    "initial_folder",
    "kept_checkpoints",
    "same_init_from",
]

INITIAL: Final = "initial"
"""Field of `exploration.yaml`, and the folder within the results where initial checkpoints are trained."""

INITIAL_FOLDERS: Final = (INITIAL, "trunk")
"""The same name and the one that older results folders have."""


def initial_folder(folder: Location) -> Location:
    """The folder within the results where initial checkpoints are trained."""
    return join(folder, _initial_name(folder))


def initial_experiment(experiment: Experiment, folder: Location) -> Experiment | None:
    """The exploration that trains initial checkpoints for another one; None where there are none to train.

    Args:
        experiment: Its `init_from` may name an algorithm to train first.
        folder: Its results folder.
    """
    initial = experiment.init_from
    if not isinstance(initial, FromTraining):
        return None
    written = experiment.to_dict()
    # trials begin at the full learning rate, so it must not have fallen to 0 here
    training = written["training"] | {"steps": initial.steps, "decay": "none"}
    return Experiment.from_dict(
        written
        | {
            "name": f"{experiment.name}-{_initial_name(folder)}",
            "training": training,
            "search": Search(method="none").model_dump(mode="json", exclude={"start"}),
            "baselines": {initial.algorithm: experiment.algorithms.get(initial.algorithm, {})},
            "init_from": None,
            "test": None,
            "num_seeds": initial.num_seeds,
        },
        origin="init_from",
    )


def find_checkpoints(experiment: Experiment, folder: Location, data: Mapping[str, Any]) -> list[Location]:
    """The checkpoint folders that `init_from` names, one per seed; none where trials begin with fresh weights.

    Args:
        experiment: Its `init_from` is read.
        folder: The results folder, where initial checkpoints that had to be trained are complete.
        data: Record of its data.

    Raises:
        ResultsError: There is no such checkpoint, or the choice is not clear.
    """
    match experiment.init_from:
        case None:
            return []
        case FromFolder(folder=written):
            raise ConfigError(f"init_from: {written} must be looked up first, by erpo_explore.config.resolve")
        case FromCheckpoint() as initial:
            return [as_location(initial.checkpoint)]
        case FromResults() as initial:
            _check_task(experiment, as_location(initial.results), data)
            return _last_checkpoints(as_location(initial.results), initial.algorithm)
        case FromTraining() as initial:
            return _last_checkpoints(initial_folder(folder), initial.algorithm)


def checkpoint_record(checkpoints: Sequence[Location], folder: Location) -> list[dict[str, str]]:
    """The record of initial checkpoints in `exploration.yaml`: folder and sha256 of each.

    A folder within the results is named relative to them.

    Raises:
        ResultsError: A checkpoint is missing.
    """
    # torch takes seconds to import, and an experiment without initial weights needs none
    from erpo_explore.trial.initial_weights import checkpoint_sha256

    return [
        {"checkpoint": within(location, resolved(folder)) or str(location), "sha256": checkpoint_sha256(location)}
        for location in map(resolved, checkpoints)
    ]


def has_kept_checkpoints(folder: Location) -> bool:
    """Whether an exploration has a record of the initial checkpoints that it began with."""
    return bool(_record(folder))


def kept_checkpoints(folder: Location) -> list[Location]:
    """The initial checkpoints that an exploration began with; none where its trials began with fresh weights.

    Raises:
        ResultsError: A checkpoint is missing, or its file has changed.
    """
    if not (record := _record(folder)):
        return []
    from erpo_explore.trial.initial_weights import checkpoint_sha256

    checkpoints = []
    for entry in record:
        checkpoint = _location(folder, entry["checkpoint"])
        if not is_folder(checkpoint):
            raise ResultsError(f"checkpoint {checkpoint}: {folder} began from it and needs it; put it back there")
        found = checkpoint_sha256(checkpoint)
        if found != entry["sha256"]:
            raise ResultsError(
                f"checkpoint {checkpoint}: must be what {folder} began from, sha256 {entry['sha256'][:16]}…, got "
                f"{found[:16]}…; put the file back, or begin anew in another folder"
            )
        checkpoints.append(checkpoint)
    return checkpoints


def same_init_from(experiment: Experiment, folder: Location) -> dict[str, Any] | None:
    """The `init_from` with which another exploration begins with the same weights as that of a results folder.

    Args:
        experiment: The one of the results folder.
        folder: The results folder.

    Raises:
        ResultsError: An initial checkpoint is missing, or its file has changed.
    """
    initial = experiment.init_from
    if initial is None:
        return None
    kept_checkpoints(folder)
    if isinstance(initial, FromTraining):
        initial = FromResults(
            results=str(initial_folder(folder)), algorithm=initial.algorithm, optimizer=initial.optimizer
        )
    return initial.model_dump(mode="json")


def _initial_name(folder: Location) -> str:
    return next((name for name in INITIAL_FOLDERS if is_folder(join(folder, name))), INITIAL)


def _record(folder: Location) -> list[dict[str, str]]:
    written = load_manifest(folder)
    record: Any = next((written[name] for name in INITIAL_FOLDERS if name in written), [])
    return list(record)


def _check_task(experiment: Experiment, folder: Location, data: Mapping[str, Any]) -> None:
    """Raise unless a results folder is of the same task, since token ids mean nothing without their vocabulary."""
    written = load_manifest(folder)
    # older folders hold relative names
    theirs = anchored(experiment_of(written, str(folder)), Path.cwd()).task.model_dump(mode="json")
    ours = experiment.task.model_dump(mode="json")
    compared = (theirs.keys() | ours.keys()) - {"metric", "also"}
    if DATA in written and DATA in data:
        compared -= set(TASK_PLACES)
    for field in sorted(compared):
        if theirs.get(field) != ours.get(field):
            raise ResultsError(
                f"init_from: {folder} must have been trained on this experiment's task, but task.{field} is "
                f"{theirs.get(field)!r} there and {ours.get(field)!r} here; if both have the same vocabulary, name a "
                "checkpoint folder in it instead"
            )
    # vocabularies are learned from the train split
    if changed := [name for name in changed_data(written, data) if name.startswith("train")]:
        raise ResultsError(
            f"init_from: {folder} must have been trained on this experiment's data, but {changed[0]} has changed "
            "since; if both have the same vocabulary, name a checkpoint folder in it instead"
        )


def _last_checkpoints(folder: Location, algorithm: str | None) -> list[Location]:
    """The last weights of each trial of an algorithm, by seed.

    Raises:
        ResultsError: There is no such algorithm, there are several to choose from, or a trial of it has not finished.
    """
    from erpo_explore.store import load_results

    trials = load_results(folder, "trials").dropna(subset="algorithm")
    trained = sorted(set(trials["algorithm"]))
    if algorithm is None and len(trained) == 1:
        algorithm = trained[0]
    if algorithm not in trained:
        requirement = f"must be one of {', '.join(trained)}" if trained else "has trained no algorithm"
        raise ResultsError(
            f"init_from.algorithm of {folder}: {requirement}, got {algorithm!r}; name it as "
            "{results: …, algorithm: …}"
        )
    chosen = trials[trials["algorithm"] == algorithm].sort_values("seed")
    for row in chosen[chosen["status"] != "finished"].itertuples():
        remedy = "lower training.learning_rate" if row.status == "diverged" else f"resume {folder}"
        raise ResultsError(f"init_from: trial {row.trial} of {folder} must be finished, got {row.status}; {remedy}")
    reports = load_results(folder, columns=["trial", "iteration", "checkpoint"]).dropna(subset="checkpoint")
    last = reports.groupby("trial")["checkpoint"].last()
    if missing := sorted(set(chosen["trial"]) - set(last.index)):
        raise ResultsError(f"init_from: trial {missing[0]} of {folder} has kept no checkpoint; train it again")
    return [_location(folder, str(last[trial])) for trial in chosen["trial"]]


def _location(folder: Location, checkpoint: str) -> Location:
    """Where a checkpoint lies that the results name, relative to their folder or absolute."""
    location = as_location(checkpoint)
    return location if isinstance(location, str) or location.is_absolute() else join(folder, checkpoint)
