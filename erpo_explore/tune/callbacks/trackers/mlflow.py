"""MLflow: one run per trial, in the experiment with the exploration's name."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from erpo_explore.errors import ConfigError
from erpo_explore.store.files import Location
from erpo_explore.tune.callbacks.trackers.tracker import Tracker

__all__ = ["MlflowTracker"]

_TAG: Final = "erpo_explore.trial"
"""Tag with a trial's key, by which a resumed exploration finds the trial's run."""


class MlflowTracker(Tracker):
    """Runs on an MLflow server, or in its store."""

    name = "mlflow"
    package = "mlflow"

    def __init__(self, uri: str, experiment: str) -> None:
        """Connect.

        Args:
            uri: URI of the tracking server or store.
            experiment: Name of the experiment, which is created where it does not exist.
        """
        self._client = _client(uri)
        known = self._client.get_experiment_by_name(experiment)
        self._experiment = known.experiment_id if known else self._client.create_experiment(experiment)
        self._runs: dict[str, str] = {}

    @classmethod
    @override
    def check(cls, setting: Any, folder: Location) -> None:
        """Make one request to the server or store."""
        try:
            _client(setting).search_experiments(max_results=1)
        except Exception as error:  # of the store's or the network's own kind
            why = " ".join(str(error).split())
            raise ConfigError(
                f"tracking.mlflow={setting} can't be used ({why}); name the URI of a running MLflow server, or a file "
                "such as sqlite:///mlflow.db"
            ) from error

    @classmethod
    @override
    def connect(cls, setting: Any, exploration: str, folder: Location) -> "MlflowTracker":
        """Connect, with the exploration as experiment."""
        return cls(setting, exploration)

    @override
    def begin(self, key: str, trial: str, params: Mapping[str, str | float]) -> None:
        """Find the trial's run, or create it."""
        from mlflow.entities import Param

        known = self._client.search_runs([self._experiment], f"tags.`{_TAG}` = '{key}'", max_results=1)
        if known:
            self._client.update_run(known[0].info.run_id, status="RUNNING")
        run = known[0] if known else self._client.create_run(self._experiment, run_name=trial, tags={_TAG: key})
        self._runs[key] = run.info.run_id
        # MLflow refuses another value for a logged param; the params of a trial never change
        self._client.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in params.items()])

    @override
    def log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log all numbers in one request."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        entries = [Metric(name, value, now_ms, step) for name, value in metrics.items()]
        self._client.log_batch(self._runs[key], metrics=entries)

    @override
    def end(self, key: str, *, failed: bool) -> None:
        """Mark the run as finished or failed."""
        self._client.set_terminated(self._runs.pop(key), "FAILED" if failed else "FINISHED")

    @override
    def close(self) -> None:
        """Mark interrupted runs as killed."""
        for run_id in self._runs.values():
            self._client.set_terminated(run_id, "KILLED")
        self._runs.clear()


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)
