"""Relative names of files and folders in an experiment, made absolute.

Those in a YAML file are relative to that file, so that an experiment means the same from every working folder. Those of
the command line and of Python are relative to the working folder. URIs stay as they are. A name that may be one of the
hub, such as that of a model, is taken for a folder only where the folder exists.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from erpo_explore.config.init_from import FromCheckpoint, FromFolder, FromResults
from erpo_explore.config.path_file import PathFile
from erpo_explore.seq2seq import PretrainedConfig
from erpo_explore.tasks import DocstringsConfig, FilesConfig, HubConfig, PretrainedVocabularyConfig

if TYPE_CHECKING:
    from erpo_explore.config.experiment import Experiment

__all__ = ["anchored"]


def anchored(experiment: "Experiment", folder: Path) -> "Experiment":
    """The experiment with absolute names.

    Args:
        experiment: Its relative names are replaced; without any, it is returned as it is.
        folder: What they are relative to, absolute.
    """
    search = experiment.search
    absolute: Experiment = _with(
        experiment,
        {
            "task": _task(experiment.task, folder),
            "model": _named(experiment.model, folder)
            if isinstance(experiment.model, PretrainedConfig)
            else experiment.model,
            "baselines": {name: _baseline(baseline, folder) for name, baseline in experiment.baselines.items()},
            "init_from": _init_from(experiment.init_from, folder),
            "search": _with(
                search,
                {
                    name: tuple(_location(each, folder) for each in getattr(search, name))
                    for name in ("warm_start", "prior")
                },
            ),
        },
    )
    return absolute


def _with(section: Any, fields: Mapping[str, Any]) -> Any:
    """A section with other values in some fields; itself where they are the same."""
    changed = {name: value for name, value in fields.items() if value != getattr(section, name)}
    return section.model_copy(update=changed) if changed else section


def _task(task: BaseModel, folder: Path) -> Any:
    fields: dict[str, Any] = {}
    match task:
        case FilesConfig(data=data):
            fields["data"] = Path(_location(str(data), folder))
        case DocstringsConfig(roots=tuple() as roots):
            fields["roots"] = tuple(Path(_location(str(root), folder)) for root in roots)
        case HubConfig(dataset=dataset):
            fields["dataset"] = _folder_or_name(dataset, folder)
    vocabulary = getattr(task, "vocabulary", None)
    if isinstance(vocabulary, PretrainedVocabularyConfig):
        fields["vocabulary"] = _named(vocabulary, folder)
    return _with(task, fields)


def _model(model: Any, folder: Path) -> Any:
    return _named(model, folder) if isinstance(model, PretrainedConfig) else model


def _named(section: Any, folder: Path) -> Any:
    return _with(section, {"name": _folder_or_name(section.name, folder)})


def _baseline(baseline: Any, folder: Path) -> Any:
    return PathFile(location=_location(baseline.location, folder)) if isinstance(baseline, PathFile) else baseline


def _init_from(initial: Any, folder: Path) -> Any:
    match initial:
        case FromFolder():
            return _with(initial, {"folder": _location(initial.folder, folder)})
        case FromCheckpoint():
            return _with(initial, {"checkpoint": _location(initial.checkpoint, folder)})
        case FromResults():
            return _with(initial, {"results": _location(initial.results, folder)})
    return initial


def _location(written: str, folder: Path) -> str:
    return written if "://" in written else str((folder / Path(written).expanduser()).resolve())


def _folder_or_name(written: str, folder: Path) -> str:
    location = Path(_location(written, folder))
    return str(location) if location.is_dir() else written
