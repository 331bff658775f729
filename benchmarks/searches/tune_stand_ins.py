"""Just enough of a Tune trial and controller to drive Tune's own schedulers without Ray running.

The schedulers are the real ones. What stands in for a trial has the attributes that they read and write, and its
checkpoint is whatever the caller keeps as a member's state.
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
        """What the trial goes on from: its own last state, or a donor's that a scheduler has put there."""
        result = self.run_metadata.checkpoint_manager._latest_checkpoint_result
        return None if result is None else result.checkpoint

    def save(self, checkpoint: Any, metrics: dict[str, Any]) -> None:
        """Note where the trial is."""
        self.last_result = metrics
        result = SimpleNamespace(checkpoint=checkpoint, metrics=metrics)
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = result

    def is_finished(self) -> bool:
        """Whether it will not go on."""
        return bool(self.status == Trial.TERMINATED)

    def set_config(self, config: dict[str, Any]) -> None:
        """Take what a scheduler has chosen."""
        self.config = config

    def set_experiment_tag(self, tag: str) -> None:
        """Take a name for the console."""
        self.experiment_tag = tag


class StandInController:
    """The trials of one search, none of which runs while a scheduler looks at them."""

    search_alg = None

    def __init__(self, trials: list[StandInTrial]) -> None:
        self._trials = trials

    def get_trials(self) -> list[StandInTrial]:
        """All of them."""
        return list(self._trials)

    def get_live_trials(self) -> list[StandInTrial]:
        """Those that will go on."""
        return [trial for trial in self._trials if not trial.is_finished()]
