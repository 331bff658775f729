"""From `init_from` to the checkpoints that an exploration branches from, and their names in `exploration.yaml`.

What was branched from is kept as folder and sha256, so that a resumed exploration goes on from the same weights or
says that it cannot.
"""

from collections.abc import Sequence
from typing import Any, Final

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import CheckpointTrunk, ResultsTrunk, TrainedTrunk
from erpo_explore.config.search import Search
from erpo_explore.errors import ResultsError
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.store import load_manifest, load_results
from erpo_explore.store.files import Location, as_location, join, resolved, within
from erpo_explore.trial.initial_weights import checkpoint_sha256

__all__ = ["TRUNK", "find_trunk", "kept_trunk", "same_trunk", "trunk_record", "trunk_space"]

TRUNK: Final = "trunk"
"""Field of `exploration.yaml`, and the folder within the results where a trunk is trained."""


def trunk_space(space: Experiment) -> Experiment | None:
    """The exploration that trains the trunk of another one first; None where there is nothing to train."""
    trunk = space.init_from
    if not isinstance(trunk, TrainedTrunk):
        return None
    written = space.to_dict()
    # what branches off goes on at the full learning rate, so the trunk's must not have fallen to 0
    training = written["training"] | {"steps": trunk.steps, "decay": "none"}
    return Experiment.from_dict(
        written
        | {
            "name": f"{space.name}-{TRUNK}",
            "training": training,
            "search": Search(method="none").model_dump(mode="json", exclude={"start"}),
            "baselines": {trunk.algorithm: space.baselines.get(trunk.algorithm, {})},
            "paths": {},
            "init_from": None,
            "test": None,
            "num_seeds": trunk.num_seeds,
        },
        origin="init_from",
    )


def find_trunk(space: Experiment, folder: Location) -> list[Location]:
    """The checkpoint folders that a space names in `init_from`, one a trunk; none where trials begin anew.

    Args:
        space: Its `init_from` is read.
        folder: The results folder, in which a trunk of its own has been trained to its end.

    Raises:
        ResultsError: There is no such checkpoint, or the choice is not clear.
    """
    match space.init_from:
        case None:
            return []
        case CheckpointTrunk() as trunk:
            return [as_location(trunk.checkpoint)]
        case ResultsTrunk() as trunk:
            _check_task(space, as_location(trunk.results))
            return _last_checkpoints(as_location(trunk.results), trunk.algorithm)
        case TrainedTrunk() as trunk:
            return _last_checkpoints(join(folder, TRUNK), trunk.algorithm)


def trunk_record(checkpoints: Sequence[Location], folder: Location) -> list[dict[str, str]]:
    """What `exploration.yaml` keeps of a trunk: folders, relative where they lie in the results, and sha256.

    Raises:
        ResultsError: A checkpoint is missing.
    """
    return [
        {"checkpoint": within(place, resolved(folder)) or str(place), "sha256": checkpoint_sha256(place)}
        for place in map(resolved, checkpoints)
    ]


def kept_trunk(folder: Location) -> list[Location]:
    """The checkpoint folders that an exploration has begun from; none where its trials began anew.

    Raises:
        ResultsError: One of them is gone, or its file is another one than at the beginning.
    """
    checkpoints = []
    kept: Any = load_manifest(folder).get(TRUNK, [])
    for entry in kept:
        checkpoint = _named_by(folder, entry["checkpoint"])
        found = checkpoint_sha256(checkpoint)
        if found != entry["sha256"]:
            raise ResultsError(
                f"checkpoint {checkpoint}: must be what {folder} began from, sha256 {entry['sha256'][:16]}…, got "
                f"{found[:16]}…; put the file back, or begin anew in another folder"
            )
        checkpoints.append(checkpoint)
    return checkpoints


def same_trunk(space: Experiment, folder: Location) -> dict[str, Any] | None:
    """The `init_from` with which another exploration begins where that of a results folder began.

    Args:
        space: Of the results folder.
        folder: The results folder; its trunk is still what it was.

    Raises:
        ResultsError: The trunk is gone or another one.
    """
    trunk = space.init_from
    if trunk is None:
        return None
    kept_trunk(folder)
    if isinstance(trunk, TrainedTrunk):
        trunk = ResultsTrunk(results=str(join(folder, TRUNK)), algorithm=trunk.algorithm, optimizer=trunk.optimizer)
    return trunk.model_dump(mode="json")


def _check_task(space: Experiment, folder: Location) -> None:
    """Raise where a trunk's weights may stand for other words: their ids mean nothing without their vocabulary."""
    theirs = experiment_of(load_manifest(folder), str(folder)).task.model_dump(mode="json")
    ours = space.task.model_dump(mode="json")
    for field in sorted((theirs.keys() | ours.keys()) - {"metric"}):
        if theirs.get(field) != ours.get(field):
            raise ResultsError(
                f"init_from: {folder} must have been trained on this space's task, but task.{field} is "
                f"{theirs.get(field)!r} there and {ours.get(field)!r} here; where both have one vocabulary, name a "
                "checkpoint folder in it instead"
            )


def _last_checkpoints(folder: Location, algorithm: str | None) -> list[Location]:
    """The last weights of each trial of an algorithm, by seed.

    Raises:
        ResultsError: There is no such algorithm, there are several to choose from, or a trial of it has not ended well.
    """
    trials = load_results(folder, "trials").dropna(subset="algorithm")
    baselines = sorted(set(trials["algorithm"]))
    if algorithm is None and len(baselines) == 1:
        algorithm = baselines[0]
    if algorithm not in baselines:
        asked = (
            "has no algorithm of its own"
            if algorithm is None and not baselines
            else f"must be one of {', '.join(baselines)}"
        )
        raise ResultsError(
            f"init_from.algorithm of {folder}: {asked}, got {algorithm!r}; name it as {{results: …, algorithm: …}}"
        )
    chosen = trials[trials["algorithm"] == algorithm].sort_values("seed")
    for row in chosen[chosen["status"] != "finished"].itertuples():
        remedy = "lower training.learning_rate" if row.status == "diverged" else f"resume {folder}"
        raise ResultsError(f"init_from: trial {row.trial} of {folder} must be finished, got {row.status}; {remedy}")
    reports = load_results(folder, columns=["trial", "iteration", "checkpoint"]).dropna(subset="checkpoint")
    last = reports.groupby("trial")["checkpoint"].last()
    if missing := sorted(set(chosen["trial"]) - set(last.index)):
        raise ResultsError(f"init_from: trial {missing[0]} of {folder} has kept no checkpoint; train it again")
    return [_named_by(folder, str(last[trial])) for trial in chosen["trial"]]


def _named_by(folder: Location, checkpoint: str) -> Location:
    """Where a checkpoint lies that the results name: within their folder, or anywhere else."""
    place = as_location(checkpoint)
    return place if isinstance(place, str) or place.is_absolute() else join(folder, checkpoint)
