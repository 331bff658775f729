"""Replaces names in an experiment that depend on the working folder: path files, and folders of data or weights.

Parsing does no I/O, so two equal YAML files are equal experiments wherever they are read. `resolve` then reads files
and looks at folders, once, before an experiment is planned.
"""

from typing import Any

from erpo_explore.config.baselines import Baseline
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import CHECKPOINT_FILE, FromCheckpoint, FromFolder, FromResults, InitFrom
from erpo_explore.config.path_file import PathFile, load_path
from erpo_explore.errors import ConfigError
from erpo_explore.pretrained import absolute_folder
from erpo_explore.seq2seq import PretrainedConfig
from erpo_explore.tasks import PretrainedVocabularyConfig, TaskConfig
from erpo_explore.tasks.config import DocstringsConfig, FilesConfig, HubConfig

__all__ = ["resolve"]


def resolve(experiment: Experiment) -> Experiment:
    """The experiment without names that depend on the working folder. A resolved experiment is returned unchanged.

    - A path's file among the baselines is replaced by the path.
    - A folder in `init_from` becomes a checkpoint or a results folder, by what it holds.
    - A local folder of data, weights, earlier results or a pretrained model is named from the root. Workers have a
      working folder of their own, and a results folder is resumed and replayed from anywhere.

    Raises:
        ConfigError: A path's file is missing, or holds no path.
        ResultsError: An object store cannot be read.
    """
    changed: dict[str, Any] = {}
    if any(isinstance(baseline, PathFile) for baseline in experiment.baselines.values()):
        changed["baselines"] = {name: _read(name, baseline) for name, baseline in experiment.baselines.items()}
    if experiment.init_from is not None:
        changed["init_from"] = _initial(experiment.init_from)
    if experiment.search.warm_start:
        from erpo_explore.store.files import resolved  # as below

        folders = tuple(str(resolved(folder)) for folder in experiment.search.warm_start)
        changed["search"] = experiment.search.model_copy(update={"warm_start": folders})
    if isinstance(experiment.model, PretrainedConfig):
        changed["model"] = _with_absolute_name(experiment.model)
    if places := _places(experiment.task):
        changed["task"] = experiment.task.model_copy(update=places)
    return experiment.model_copy(update=changed) if changed else experiment


def _read(name: str, baseline: Baseline) -> Baseline:
    if not isinstance(baseline, PathFile):
        return baseline
    try:
        return load_path(baseline.location)
    except ConfigError as error:
        raise ConfigError(f"baselines.{name}: {error}") from error


def _initial(written: InitFrom) -> InitFrom:
    from erpo_explore.store.files import Folder, as_location, resolved  # here, since it takes long to import

    match written:
        case FromFolder(folder=folder) if Folder.at(as_location(folder)).has(CHECKPOINT_FILE):
            return FromCheckpoint(checkpoint=str(resolved(folder)), optimizer=written.optimizer)
        case FromFolder(folder=folder):
            return FromResults(results=str(resolved(folder)), optimizer=written.optimizer)
        case FromCheckpoint(checkpoint=folder):
            return written.model_copy(update={"checkpoint": str(resolved(folder))})
        case FromResults(results=folder):
            return written.model_copy(update={"results": str(resolved(folder))})
    return written


def _places(task: TaskConfig) -> dict[str, Any]:
    """Fields of a task that name files, from the root."""
    places: dict[str, Any] = {}
    match task:
        case FilesConfig(data=data):
            places["data"] = data.absolute()
        case HubConfig(dataset=dataset):
            places["dataset"] = absolute_folder(dataset)
        case DocstringsConfig(roots=roots) if roots is not None:
            places["roots"] = tuple(root.absolute() for root in roots)
    if isinstance(task.vocabulary, PretrainedVocabularyConfig):
        places["vocabulary"] = _with_absolute_name(task.vocabulary)
    return places


def _with_absolute_name(section: Any) -> Any:
    return section.model_copy(update={"name": absolute_folder(section.name)})
