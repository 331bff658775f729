"""A Ray Tune trial in this project's terms: the only module that reads a trial's config and its checkpoint's metrics.

Schedulers and callbacks get Tune's `Trial` objects and look at them through a `TrialView`. A view is cheap and holds no
state, so it is made wherever one is needed. What a scheduler reads at every step of Tune's (`name`, `seed`, `until`, …)
is read straight from the config; `spec` and `assignment` parse it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.spec import Role
from erpo_explore.tune._ray_internals import failures_of, kept_checkpoints, latest_checkpoint

__all__ = ["ITERATION", "TrialView"]

ITERATION: Final = "training_iteration"
"""Tune's name for the number of intervals that a trial has trained."""


@dataclass(frozen=True, slots=True)
class TrialView:
    """One trial.

    Attributes:
        trial: Tune's own record of it, a `ray.tune.experiment.Trial`.
    """

    trial: Any

    @property
    def name(self) -> str:
        """Unique name in the exploration."""
        return str(self.trial.config["spec"]["name"])

    @property
    def role(self) -> Role:
        """Why the trial is run."""
        role: Role = self.trial.config["spec"]["role"]
        return role

    @property
    def seed(self) -> int:
        """Random seed."""
        return int(self.trial.config["spec"]["seed"])

    @property
    def is_member(self) -> bool:
        """Whether the trial belongs to the population; False for a baseline that runs beside it."""
        return self.role == "member"

    @property
    def until(self) -> int | None:
        """`Assignment.until`."""
        until: int | None = self.trial.config["until"]
        return until

    @property
    def generation(self) -> int:
        """`Assignment.generation`."""
        return int(self.trial.config["generation"])

    @property
    def cloned_at(self) -> int:
        """`Assignment.cloned_at`."""
        return int(self.trial.config["cloned_at"])

    @property
    def num_reseeds(self) -> int:
        """`Assignment.num_reseeds`."""
        return int(self.trial.config["num_reseeds"])

    @property
    def failures_when_judged(self) -> int:
        """`Assignment.failures_when_judged`."""
        return int(self.trial.config["failures_when_judged"])

    @property
    def num_failures(self) -> int:
        """Number of times its worker failed, as Tune counts: preemptions are left out."""
        return failures_of(self.trial)

    @property
    def config(self) -> dict[str, Any]:
        """Its Tune config, as its worker gets it: the assignment, and what Tune's own schedulers add."""
        config: dict[str, Any] = self.trial.config
        return config

    def add_to_config(self, values: Mapping[str, Any]) -> None:
        """Put searched coordinates beside the assignment, for Tune's own schedulers."""
        self.trial.config.update({name: value for name, value in values.items() if name not in self.trial.config})

    @property
    def spec(self) -> TrialSpec:
        """Name, role, seed and path."""
        return TrialSpec.from_dict(self.trial.config["spec"])

    @property
    def assignment(self) -> Assignment:
        """What the trial does next."""
        return Assignment.from_dict(self.trial.config)

    def assign(self, assignment: Assignment) -> None:
        """Give the trial another assignment; searched coordinates of Tune's own schedulers stay in its config."""
        self.trial.set_config(self.trial.config | assignment.to_dict())

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The trial's report at its latest checkpoint; empty before the first.

        A fresh clone's latest checkpoint is its donor's.
        """
        saved = latest_checkpoint(self.trial)
        metrics: Mapping[str, Any] = saved.metrics if saved is not None else {}
        return metrics

    @property
    def iteration(self) -> int:
        """Number of intervals that the weights in its latest checkpoint have trained; 0 before the first."""
        return int(self.metrics.get(ITERATION, 0))

    @property
    def checkpoint(self) -> str | None:
        """Path of its latest checkpoint in the file system of the results; None before the first."""
        saved = latest_checkpoint(self.trial)
        return None if saved is None or saved.checkpoint is None else str(saved.checkpoint.path)

    @property
    def checkpoints(self) -> dict[int, Any]:
        """Tune's records of the trial's own checkpoints that are kept, by iteration."""
        return {int(saved.metrics.get(ITERATION, 0)): saved for saved in kept_checkpoints(self.trial)}

    @property
    def last_report(self) -> Mapping[str, Any]:
        """Its last report, whether or not its checkpoint has been written; empty before the first."""
        report: Mapping[str, Any] | None = self.trial.last_result
        return report or {}
