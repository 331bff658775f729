"""The Ray Trainable around a training run: one iteration is one interval.

An actor is reused for one trial after the other (`reset_config`), since starting a process and importing torch takes
seconds. What it is asked to do lies in its config; what it has become lies in its checkpoint, the walked path included.
"""

import socket
from pathlib import Path
from typing import Any, Final

import torch
from ray import tune

from erpo_explore.seq2seq import ModelConfig
from erpo_explore.space import Point
from erpo_explore.space.search_space import Training
from erpo_explore.tasks import Task
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint
from erpo_explore.trial.spec import TrialSpec
from erpo_explore.trial.training import TrainingRun, choose_device

__all__ = ["ErpoTrainable", "trial_config"]

_NUM_SAMPLES: Final = 8


def trial_config(
    spec: TrialSpec, *, generation: int = 0, parent: str | None = None, next_knot: Point | None = None
) -> dict[str, Any]:
    """What Tune carries for a trial.

    Args:
        spec: What it is.
        generation: How many knots have been chosen for it.
        parent: Name of the trial that it cloned in this generation.
        next_knot: Where it walks in the next interval; None to follow the path of its spec.
    """
    return {
        "spec": spec.to_dict(),
        "generation": generation,
        "parent": parent,
        "next_knot": next_knot.to_dict() if next_knot is not None else None,
    }


class ErpoTrainable(tune.Trainable):
    """A trial, as Tune sees it."""

    def setup(  # type: ignore[override]  # `tune.with_parameters` adds the keywords
        self,
        config: dict[str, Any],
        *,
        task: Task,
        model: ModelConfig,
        training: Training,
        threads: int,
    ) -> None:
        """Begin a trial in a fresh process; the keywords come with the trainable (`tune.with_parameters`)."""
        torch.set_num_threads(threads)
        self._parts = (task, model, training)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        self._begin(new_config)
        return True

    def take_config(self, config: dict[str, Any]) -> None:
        """Note what to do next; what the trial is comes with the checkpoint that is loaded after this."""
        self.config = config

    def _begin(self, config: dict[str, Any]) -> None:
        self._spec = TrialSpec.from_dict(config["spec"])
        self._run = TrainingRun(*self._parts, self._spec, choose_device())
        self._take_knot(config)

    def _take_knot(self, config: dict[str, Any]) -> None:
        if config["next_knot"] is not None:
            self._run.walk_to(Point.from_dict(config["next_knot"]))

    def step(self) -> dict[str, Any]:
        """One interval; ends the trial after its budget, or when its loss is no longer a number."""
        observation = self._run.advance(num_samples=_NUM_SAMPLES)
        return {
            **observation.to_row(),
            "generation": self.config["generation"],
            "parent": self.config["parent"],
            "node": socket.gethostname(),
            "done": observation.status != "running",
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the run's state."""
        save_checkpoint(self._run.state(), Path(checkpoint_dir))

    def load_checkpoint(  # type: ignore[override]  # a folder since save_checkpoint wrote to one
        self, checkpoint_dir: str
    ) -> None:
        """Go on from a state: the trial's own, or the one that the scheduler had it clone."""
        self._run.load_state(load_checkpoint(Path(checkpoint_dir)))
        self._take_knot(self.config)
