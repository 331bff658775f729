"""Experiment trackers behind one interface: TensorBoard, MLflow, Weights & Biases.

Each runs in the driver, on its own library. Tune's own callbacks for them were left out: that of MLflow fails where a
clone changes a trial's config and makes a request a number, that of Weights & Biases starts two processes a trial, and
none of them goes on with the same run after a resume.
"""

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from erpo_explore.config.tracking import Tracking
from erpo_explore.errors import ConfigError
from erpo_explore.store.files import Location

__all__ = ["MlflowTracker", "TensorBoardTracker", "Tracker", "WandbTracker", "check_trackers", "new_trackers"]

_log = logging.getLogger(__name__)

_PACKAGES: Final = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
_OFFLINE: Final = ("offline", "dryrun", "disabled")

# a server that is down may cost a search seconds, not minutes, and nobody is told of our use without being asked
_DEFAULTS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}


class Tracker(ABC):
    """Is told of trials; `key` is a trial's own for good, so that a resumed exploration goes on with the same run."""

    name: ClassVar[str]

    @abstractmethod
    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """A trial starts, or goes on in a new process."""

    @abstractmethod
    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """A trial has reported finite numbers after so many optimizer steps."""

    @abstractmethod
    def end(self, key: str, *, failed: bool) -> None:
        """A trial has ended."""

    @abstractmethod
    def close(self) -> None:
        """The exploration has ended or was interrupted."""


class TensorBoardTracker(Tracker):
    """Event files in `tensorboard/TRIAL/`."""

    name = "tensorboard"

    def __init__(self, folder: Location) -> None:
        """Write under a results folder of this machine."""
        self._folder = Path(folder) / "tensorboard"
        self._writers: dict[str, Any] = {}

    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Open the trial's event file, and describe the trial in it."""
        from tensorboardX import SummaryWriter

        self._writers[key] = SummaryWriter(str(self._folder / trial))
        self._writers[key].add_text("trial", "\n".join(f"- {name}: {value}" for name, value in params.items()))

    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in metrics.items():
            self._writers[key].add_scalar(name, value, global_step=step)
        self._writers[key].flush()

    def end(self, key: str, *, failed: bool) -> None:
        """Close the trial's file."""
        del failed
        self._writers.pop(key).close()

    def close(self) -> None:
        """Close the other files."""
        for key in list(self._writers):
            self.end(key, failed=False)


class MlflowTracker(Tracker):
    """One run a trial in the experiment of the exploration's name; found again by the tag `erpo_explore.trial`."""

    name = "mlflow"
    _TAG = "erpo_explore.trial"

    def __init__(self, uri: str, experiment: str) -> None:
        """Connect.

        Args:
            uri: Of the tracking server or store.
            experiment: Made if it is not there.
        """
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._client = MlflowClient(tracking_uri=uri)
        known = self._client.get_experiment_by_name(experiment)
        self._experiment = known.experiment_id if known else self._client.create_experiment(experiment)
        self._runs: dict[str, str] = {}

    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Find the trial's run, or make it."""
        from mlflow.entities import Param

        known = self._client.search_runs([self._experiment], f"tags.`{self._TAG}` = '{key}'", max_results=1)
        if known:
            self._client.update_run(known[0].info.run_id, status="RUNNING")
        run = known[0] if known else self._client.create_run(self._experiment, run_name=trial, tags={self._TAG: key})
        self._runs[key] = run.info.run_id
        # a value that was logged once can't be another one later, and is not: `params` says what a trial is
        self._client.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in params.items()])

    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log all numbers at once."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        entries = [Metric(name, value, now_ms, step) for name, value in metrics.items()]
        self._client.log_batch(self._runs[key], metrics=entries)

    def end(self, key: str, *, failed: bool) -> None:
        """Mark the run as finished or failed."""
        self._client.set_terminated(self._runs.pop(key), "FAILED" if failed else "FINISHED")

    def close(self) -> None:
        """Mark what was interrupted."""
        for run_id in self._runs.values():
            self._client.set_terminated(run_id, "KILLED")
        self._runs.clear()


class WandbTracker(Tracker):
    """One run a trial in a project, grouped by exploration."""

    name = "wandb"

    def __init__(self, project: str, group: str, folder: Location) -> None:
        """Log to a project.

        Args:
            project: Its name.
            group: Name of the exploration.
            folder: Where Weights & Biases keeps its own files; in its default place where this is a URI.
        """
        self._project, self._group, self._folder = project, group, folder
        self._runs: dict[str, Any] = {}

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

    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log all numbers at once, and now: without `commit` the last report would wait for another one."""
        self._runs[key].log(dict(metrics), step=step, commit=True)

    def end(self, key: str, *, failed: bool) -> None:
        """Close the run, after what waits has been sent."""
        self._runs.pop(key).finish(exit_code=int(failed))

    def close(self) -> None:
        """Close the other runs."""
        for key in list(self._runs):
            self.end(key, failed=False)


def check_trackers(tracking: Tracking, folder: Location) -> None:
    """Look for what the trackers need, before anything is trained.

    Args:
        tracking: What the user wrote.
        folder: The results folder.

    Raises:
        ConfigError: A package is missing, event files have no folder of this machine to go to, MLflow can't be reached,
            or nobody is logged in at Weights & Biases.
    """
    for tracker, package in _PACKAGES.items():
        if getattr(tracking, tracker) and find_spec(package) is None:
            raise ConfigError(
                f"tracking.{tracker} needs {package}, which is not installed; pip install 'erpo-explore[tracking]'"
            )
    if tracking.tensorboard and not isinstance(folder, Path):
        raise ConfigError(
            f"tracking.tensorboard needs results in a folder of this machine, got {folder}; use --mlflow or --wandb, "
            "or choose another folder with --results"
        )
    _set_defaults()
    if tracking.mlflow is not None:
        _check_mlflow(tracking.mlflow)
    if tracking.wandb is not None and os.environ.get("WANDB_MODE") not in _OFFLINE:
        import wandb

        if wandb.api.api_key is None:
            raise ConfigError(
                f"tracking.wandb={tracking.wandb}: nobody is logged in at Weights & Biases; run `wandb login`, or set "
                "WANDB_MODE=offline and `wandb sync` later"
            )


def new_trackers(tracking: Tracking, exploration: str, folder: Location) -> list[Tracker]:
    """The trackers that a space names; one that can't begin is named in a warning and left out.

    Args:
        tracking: What the user wrote.
        exploration: Its name.
        folder: The results folder.
    """
    _set_defaults()
    begin: dict[str, Callable[[], Tracker]] = {}
    if tracking.tensorboard:
        begin["tensorboard"] = lambda: TensorBoardTracker(folder)
    if (uri := tracking.mlflow) is not None:
        begin["mlflow"] = lambda: MlflowTracker(uri, exploration)
    if (project := tracking.wandb) is not None:
        begin["wandb"] = lambda: WandbTracker(project, exploration, folder)
    trackers: list[Tracker] = []
    for name, begin_it in begin.items():
        try:
            trackers.append(begin_it())
        except Exception as error:  # of the tracker's own kinds; `check_trackers` has said what a user can mend
            why = " ".join(f"{type(error).__name__}: {error}".split())
            _log.warning("tracking with %s can't begin (%s); training goes on", name, why)
    return trackers


def _check_mlflow(uri: str) -> None:
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
    except Exception as error:  # of the store's or the network's own kind
        why = " ".join(str(error).split())
        raise ConfigError(
            f"tracking.mlflow={uri} can't be used ({why}); name the URI of a running MLflow server, or a file such as "
            "sqlite:///mlflow.db"
        ) from error


def _set_defaults() -> None:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
