"""Replaces names in an experiment that depend on the working folder: path files, and folders of weights or models.

Parsing does no I/O, so two equal YAML files are equal experiments wherever they are read. `resolve` then reads files
and looks at folders, once, before an experiment is planned.
"""

from pathlib import Path as FilePath
from typing import Any

from erpo_explore.config.anchored import anchored
from erpo_explore.config.baselines import Baseline
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import CHECKPOINT_FILE, FromCheckpoint, FromFolder, FromResults
from erpo_explore.config.path_file import PathFile, load_path
from erpo_explore.errors import ConfigError

__all__ = ["resolve"]


def resolve(experiment: Experiment) -> Experiment:
    """The experiment without names that depend on the working folder. A resolved experiment is returned unchanged.

    - A path's file among the baselines is replaced by the path.
    - A folder in `init_from` becomes a checkpoint or a results folder, by what it holds.
    - Other files and folders are named from the root, since workers have a working folder of their own, and results
      are read from everywhere.

    Raises:
        ConfigError: A path's file is missing, or holds no path.
        ResultsError: An object store cannot be read.
    """
    experiment = anchored(experiment, FilePath.cwd())
    changed: dict[str, Any] = {}
    if any(isinstance(baseline, PathFile) for baseline in experiment.baselines.values()):
        changed["baselines"] = {name: _read(name, baseline) for name, baseline in experiment.baselines.items()}
    if isinstance(experiment.init_from, FromFolder):
        changed["init_from"] = _initial(experiment.init_from)
    return experiment.model_copy(update=changed) if changed else experiment


def _read(name: str, baseline: Baseline) -> Baseline:
    if not isinstance(baseline, PathFile):
        return baseline
    try:
        return load_path(baseline.location)
    except ConfigError as error:
        raise ConfigError(f"baselines.{name}: {error}") from error


def _initial(written: FromFolder) -> FromCheckpoint | FromResults:
    from erpo_explore.store.files import Folder, as_location  # here, since it takes long to import

    if Folder.at(as_location(written.folder)).has(CHECKPOINT_FILE):
        return FromCheckpoint(checkpoint=written.folder, optimizer=written.optimizer)
    return FromResults(results=written.folder, optimizer=written.optimizer)
