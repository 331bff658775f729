"""The interface of experiment trackers.

Each tracker runs in the driver, on its own library. Tune's own callbacks for them were left out. That of MLflow fails
when a clone changes a trial's config, and makes one request per number. That of Weights & Biases starts two processes
per trial. None of them continues the same run after a resume.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from erpo_explore.store.files import Location

__all__ = ["Tracker"]


class Tracker(ABC):
    """Logs trials.

    A trial's `key` is unique and permanent, so that a resumed exploration continues the same run.

    Attributes:
        name: Name of the setting in the section `tracking` of an experiment.
        package: Package that it needs.
    """

    name: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    @abstractmethod
    def check(cls, setting: Any, folder: Location) -> None:
        """Check the user's setting before anything is trained.

        Args:
            setting: Value of the setting, such as a URI.
            folder: Results folder.

        Raises:
            ConfigError: The tracker cannot be used.
        """

    @classmethod
    @abstractmethod
    def connect(cls, setting: Any, exploration: str, folder: Location) -> "Tracker":
        """Open the tracker.

        Args:
            setting: As for `check`.
            exploration: Name of the exploration.
            folder: Results folder.
        """

    @abstractmethod
    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Open a trial's run, or continue it in a new process."""

    @abstractmethod
    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log finite numbers that a trial reported after `step` optimizer steps."""

    @abstractmethod
    def end(self, key: str, *, failed: bool) -> None:
        """Close the run of a trial that has ended."""

    @abstractmethod
    def close(self) -> None:
        """Close all runs: the exploration has ended or was interrupted."""
