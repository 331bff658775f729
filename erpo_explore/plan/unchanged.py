"""What an exploration must have in common with itself when it is resumed: its experiment and its data.

Both are recorded when it begins: digests of the data in `exploration.yaml`, and a copy of the experiment beside Tune's
state, since users edit `exploration.yaml`. Results folders of versions without these records are resumed unchecked.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, DataError
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.store.files import Folder, Location, join
from erpo_explore.store.layout import CHECKPOINTS, MANIFEST
from erpo_explore.store.manifest import load_manifest
from erpo_explore.tasks.config import FilesConfig
from erpo_explore.tasks.digests import file_digests

__all__ = [
    "DATA",
    "TASK_PLACES",
    "changed_data",
    "check_experiment",
    "check_files",
    "check_text",
    "data_record",
    "keep_experiment",
    "resumable",
    "warn_of_changed_data",
    "with_data",
]

_log = logging.getLogger(__name__)

DATA: Final = "data"
"""Field of `exploration.yaml`."""

TASK_PLACES: Final = ("data", "dataset", "roots")
"""Fields of a task that name where its data lie."""

_FILES: Final = "files"
_TEXT: Final = "text"
_BEGUN: Final = "experiment.json"

_MAY_CHANGE: Final = ("resources", "tracking")
"""Sections that change no number of the results."""

_PLACES: Final = (*(f"task.{name}" for name in TASK_PLACES), "init_from.results", "init_from.checkpoint")
"""Fields that name where something lies; what lies there is compared by its digest."""


def data_record(files: Mapping[str, str], text: Mapping[str, str]) -> dict[str, Any]:
    """The field of `exploration.yaml` with the digests of the data; empty where nothing can change.

    Args:
        files: Digests of files, by name.
        text: Digests of splits, by name.
    """
    record = {name: dict(digests) for name, digests in ((_FILES, files), (_TEXT, text)) if digests}
    return {DATA: record} if record else {}


def keep_experiment(experiment: Experiment, folder: Location) -> None:
    """Write the copy of the experiment.

    Raises:
        ResultsError: The folder cannot be written.
    """
    checkpoints = Folder.at(join(folder, CHECKPOINTS))
    checkpoints.make()
    checkpoints.write(_BEGUN, json.dumps(experiment.to_dict(), indent=1).encode())


def resumable(folder: Location, data: Path | None) -> Experiment:
    """The experiment of a results folder, with its data where they are now, if neither has changed. Imports little.

    Args:
        folder: Results folder.
        data: Folder that the user names; None where the data have not been moved.

    Raises:
        ErpoExploreError: The folder holds no exploration, or its experiment or a file of its data has changed.
    """
    written = load_manifest(folder)
    experiment = experiment_of(written, str(join(folder, MANIFEST)))
    check_experiment(experiment, folder)
    experiment = with_data(experiment, data, folder)
    check_files(written, experiment, folder)
    return experiment


def check_experiment(experiment: Experiment, folder: Location) -> None:
    """Refuse an experiment that was edited since the exploration began.

    Args:
        experiment: The one of `exploration.yaml`.
        folder: Results folder.

    Raises:
        ConfigError: A field differs that decides on the results.
    """
    checkpoints = Folder.at(join(folder, CHECKPOINTS))
    if not checkpoints.has(_BEGUN):
        return
    begun = experiment_of({"space": json.loads(checkpoints.read(_BEGUN))}, str(checkpoints.location_of(_BEGUN)))
    before, now = (dict(_fields(each.to_dict())) for each in (begun, experiment))
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name) and name.partition(".")[0] not in _MAY_CHANGE and name not in _PLACES:
            raise ConfigError(
                f"{join(folder, MANIFEST)}: {name} must be {_shown(before, name)}, as when the exploration began, got "
                f"{_shown(now, name)}; set it back to resume, or run the changed experiment into a new folder. "
                f"Only {' and '.join(_MAY_CHANGE)} may change"
            )


def with_data(experiment: Experiment, data: Path | None, folder: Location) -> Experiment:
    """The experiment with its data where they are now.

    Args:
        experiment: The one of `exploration.yaml`.
        data: Folder that the user names; None where the data have not been moved.
        folder: Results folder, for messages.

    Raises:
        ConfigError: A folder is named, but the task has no text files.
        DataError: The data are not where they were.
    """
    task = experiment.task
    if not isinstance(task, FilesConfig):
        if data is not None:
            raise ConfigError(f"--data is for text files, but {folder} has the task {task.name}; leave it out")
        return experiment
    if data is None and not task.data.is_dir():
        raise DataError(
            f"{task.data}: no such folder, but {folder} began with its text files; put them there, or name the folder "
            "that has them: resume RESULTS --data DIR"
        )
    moved = task if data is None else task.model_copy(update={"data": data.absolute()})
    return experiment.model_copy(update={"task": moved})


def check_files(written: Mapping[str, Any], experiment: Experiment, folder: Location) -> None:
    """Refuse files that changed since the exploration began. Reads them once.

    Args:
        written: Values of `exploration.yaml`.
        experiment: Its experiment, with the data where they are now.
        folder: Results folder, for messages.

    Raises:
        DataError: A file is missing, new or another one.
    """
    recorded = written.get(DATA, {}).get(_FILES)
    if recorded is None:
        return
    found = file_digests(experiment.task)
    for name in sorted(recorded.keys() | found.keys()):
        if recorded.get(name) != found.get(name):
            where = getattr(experiment.task, "data", Path()) / name
            raise DataError(f"{where}: {_difference(recorded, found, name)} since {folder} began; {_REMEDY}")


def check_text(written: Mapping[str, Any], text: Mapping[str, str], folder: Location) -> None:
    """Refuse text that was read, if it is not the text with which the exploration began.

    Args:
        written: Values of `exploration.yaml`.
        text: Digests of the splits that were read.
        folder: Results folder, for messages.

    Raises:
        DataError: A split differs.
    """
    recorded = written.get(DATA, {}).get(_TEXT)
    if recorded is not None and recorded != text:
        name = next(name for name in sorted(recorded.keys() | text.keys()) if recorded.get(name) != text.get(name))
        raise DataError(f"the {name} split has other text than when {folder} began; {_REMEDY}")


def changed_data(written: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of files and splits that differ between an exploration and a record of data; none where either is unknown.

    Args:
        written: Values of the exploration's `exploration.yaml`.
        record: What `data_record` returned for the other data.
    """
    theirs, ours = written.get(DATA, {}), record.get(DATA, {})
    names = []
    for kind in (_FILES, _TEXT):
        if kind in theirs and kind in ours:
            there, here = theirs[kind], ours[kind]
            names += [name for name in sorted(there.keys() | here.keys()) if there.get(name) != here.get(name)]
    return tuple(names)


def warn_of_changed_data(folders: Iterable[Location], data: Mapping[str, Any], so: str) -> None:
    """Log a warning for each results folder that was trained on other data.

    Args:
        folders: Results folders.
        data: Record of the present data.
        so: What follows from the difference.
    """
    for folder in folders:
        if names := changed_data(load_manifest(folder), data):
            _log.warning("%s changed since %s was trained: %s", " and ".join(names), folder, so)


_REMEDY: Final = "resume continues with the same data alone: put it back, or run the experiment into a new folder"


def _difference(recorded: Mapping[str, str], found: Mapping[str, str], name: str) -> str:
    if name not in found:
        return "has gone"
    return "has changed" if name in recorded else "has been added"


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values of nested mappings by dotted name; an empty mapping is a value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _fields(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "left out"
