"""Weights & Biases: one run per trial in a project, grouped by exploration."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from erpo_explore.errors import ConfigError
from erpo_explore.store.files import Location
from erpo_explore.tune.callbacks.trackers.tracker import Tracker

__all__ = ["WandbTracker"]

_OFFLINE: Final = ("offline", "dryrun", "disabled")
"""Values of WANDB_MODE that need no account."""


class WandbTracker(Tracker):
    """Runs in a Weights & Biases project."""

    name = "wandb"
    package = "wandb"

    def __init__(self, project: str, group: str, folder: Location) -> None:
        """Log to a project.

        Args:
            project: Name of the project.
            group: Name of the exploration.
            folder: Folder for the library's own files; a URI selects the library's default folder.
        """
        self._project, self._group, self._folder = project, group, folder
        self._runs: dict[str, Any] = {}

    @classmethod
    @override
    def check(cls, setting: Any, folder: Location) -> None:
        """Look for a login, unless Weights & Biases is offline."""
        if os.environ.get("WANDB_MODE") in _OFFLINE:
            return
        import wandb

        if wandb.api.api_key is None:
            raise ConfigError(
                f"tracking.wandb={setting}: no login at Weights & Biases was found; run `wandb login`, or set "
                "WANDB_MODE=offline and `wandb sync` later"
            )

    @classmethod
    @override
    def connect(cls, setting: Any, exploration: str, folder: Location) -> "WandbTracker":
        """Log to the project, with the exploration as group."""
        return cls(setting, exploration, folder)

    @override
    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Open the trial's run."""
        import wandb

        self._runs[key] = wandb.init(
            project=self._project,
            group=self._group,
            name=trial,
            id=key,
            config=dict(params),
            dir=str(self._folder) if isinstance(self._folder, Path) else None,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )

    @override
    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log all numbers at once."""
        # without `commit` the last report would wait for another one
        self._runs[key].log(dict(metrics), step=step, commit=True)

    @override
    def end(self, key: str, *, failed: bool) -> None:
        """Close the run, after waiting data is sent."""
        self._runs.pop(key).finish(exit_code=int(failed))

    @override
    def close(self) -> None:
        """Close the other runs."""
        for key in list(self._runs):
            self.end(key, failed=False)
