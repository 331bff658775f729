"""All experiment trackers, and which of them an experiment uses."""

import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

from erpo_explore.config.tracking import Tracking
from erpo_explore.errors import ConfigError
from erpo_explore.store.files import Location
from erpo_explore.tune.callbacks.trackers.mlflow import MlflowTracker
from erpo_explore.tune.callbacks.trackers.tensorboard import TensorBoardTracker
from erpo_explore.tune.callbacks.trackers.tracker import Tracker
from erpo_explore.tune.callbacks.trackers.wandb import WandbTracker

__all__ = ["TRACKERS", "check_trackers", "new_trackers"]

_log = logging.getLogger(__name__)

TRACKERS: Final[tuple[type[Tracker], ...]] = (TensorBoardTracker, MlflowTracker, WandbTracker)
"""A new tracker is a module, a line here and a setting in the section `tracking`."""

# a server that is down may delay a search by seconds, not minutes; usage data is not sent without the user's consent
_DEFAULTS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}


def check_trackers(tracking: Tracking, folder: Location) -> None:
    """Check that the trackers can be used, before anything is trained.

    Args:
        tracking: Settings of the user.
        folder: Results folder.

    Raises:
        ConfigError: A package is not installed, event files would have to be written outside this machine, MLflow
            cannot be reached, or there is no login at Weights & Biases.
    """
    used = list(_used(tracking))
    for tracker, _ in used:
        if find_spec(tracker.package) is None:
            raise ConfigError(
                f"tracking.{tracker.name} needs {tracker.package}, which is not installed; "
                "pip install 'erpo-explore[tracking]'"
            )
    _set_defaults()
    for tracker, setting in used:
        tracker.check(setting, folder)


def new_trackers(tracking: Tracking, exploration: str, folder: Location) -> list[Tracker]:
    """Open an experiment's trackers; one that cannot be opened is left out, with a warning.

    Args:
        tracking: Settings of the user.
        exploration: Name of the exploration.
        folder: Results folder.
    """
    _set_defaults()
    trackers: list[Tracker] = []
    for tracker, setting in _used(tracking):
        try:
            trackers.append(tracker.connect(setting, exploration, folder))
        except Exception as error:  # of the tracker's own kinds; `check_trackers` reported what a user can mend
            why = " ".join(f"{type(error).__name__}: {error}".split())
            _log.warning("tracking with %s can't begin (%s); training goes on", tracker.name, why)
    return trackers


def _used(tracking: Tracking) -> Iterator[tuple[type[Tracker], Any]]:
    for tracker in TRACKERS:
        if setting := getattr(tracking, tracker.name):
            yield tracker, setting


def _set_defaults() -> None:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
