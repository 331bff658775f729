"""Stand-ins for a Tune trial and controller, to run Tune's own schedulers without Ray.

The schedulers are the real ones. A stand-in trial has the attributes that they read and write. Its checkpoint is any
object that the caller uses as a member's state.
"""

from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial

__all__ = ["StandInController", "StandInTrial"]


class StandInTrial:
    """A paused trial with a config and a checkpoint."""

    def __init__(self, trial_id: str, config: dict[str, Any]) -> None:
        self.trial_id = trial_id
        self.config = config
        self.experiment_tag = trial_id
        self.evaluated_params: dict[str, Any] = {}
        self.status = Trial.PAUSED
        self.last_result: dict[str, Any] = {}
        self.temporary_state = SimpleNamespace(saving_to=None)
        self.run_metadata = SimpleNamespace(
            checkpoint_manager=SimpleNamespace(
                checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None
            )
        )

    def __str__(self) -> str:
        return self.trial_id

    @property
    def checkpoint(self) -> Any:
        """Checkpoint that the trial continues from: its own, or a donor's set by the scheduler."""
        result = self.run_metadata.checkpoint_manager._latest_checkpoint_result
        return None if result is None else result.checkpoint

    def save(self, checkpoint: Any, metrics: dict[str, Any]) -> None:
        """Set the last checkpoint and result."""
        self.last_result = metrics
        result = SimpleNamespace(checkpoint=checkpoint, metrics=metrics)
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = result

    def is_finished(self) -> bool:
        """Whether the trial has ended."""
        return bool(self.status == Trial.TERMINATED)

    def set_config(self, config: dict[str, Any]) -> None:
        """Set the config that a scheduler has chosen."""
        self.config = config

    def set_experiment_tag(self, tag: str) -> None:
        """Set the name on the console."""
        self.experiment_tag = tag


class StandInController:
    """Controller of the trials of one search, all of them paused."""

    search_alg = None

    def __init__(self, trials: list[StandInTrial]) -> None:
        self._trials = trials

    def get_trials(self) -> list[StandInTrial]:
        """All trials."""
        return list(self._trials)

    def get_live_trials(self) -> list[StandInTrial]:
        """Trials that have not ended."""
        return [trial for trial in self._trials if not trial.is_finished()]
