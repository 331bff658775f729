"""TensorBoard: event files in the results folder, one folder per trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from erpo_explore.errors import ConfigError
from erpo_explore.store.files import Location
from erpo_explore.tune.callbacks.trackers.tracker import Tracker

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker(Tracker):
    """Event files in `tensorboard/TRIAL/`."""

    name = "tensorboard"
    package = "tensorboardX"

    def __init__(self, folder: Location) -> None:
        """Write into a results folder of this machine."""
        self._folder = Path(folder) / "tensorboard"
        self._writers: dict[str, Any] = {}

    @classmethod
    @override
    def check(cls, setting: Any, folder: Location) -> None:
        """Refuse a results folder in an object store, where event files cannot be appended to."""
        if not isinstance(folder, Path):
            raise ConfigError(
                f"tracking.tensorboard needs results in a folder of this machine, got {folder}; use --mlflow or "
                "--wandb, or choose another folder with --results"
            )

    @classmethod
    @override
    def connect(cls, setting: Any, exploration: str, folder: Location) -> "TensorBoardTracker":
        """Write into the results folder."""
        return cls(folder)

    @override
    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Open the trial's event file, and describe the trial in it."""
        from tensorboardX import SummaryWriter

        self._writers[key] = SummaryWriter(str(self._folder / trial))
        self._writers[key].add_text("trial", "\n".join(f"- {name}: {value}" for name, value in params.items()))

    @override
    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in metrics.items():
            self._writers[key].add_scalar(name, value, global_step=step)
        self._writers[key].flush()

    @override
    def end(self, key: str, *, failed: bool) -> None:
        """Close the trial's file."""
        self._writers.pop(key).close()

    @override
    def close(self) -> None:
        """Close the other files."""
        for key in list(self._writers):
            self.end(key, failed=False)
