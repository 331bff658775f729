"""An evaluation interval in progress: the steps done, and the sums that its row is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from statistics import pvariance
from typing import Any, Final

from erpo_explore.erpo import StepLoss

__all__ = ["Interval", "StopRequestedError"]

_AVERAGED: Final = (
    "entropy_nats",
    "mean_reward",
    "reward_variance",
    "equal_rewards",
    "effective_sample_size",
    "cut_targets",
)
"""Fields of `StepLoss` that are averaged over an interval; each is None in steps that do not compute it."""


class StopRequestedError(Exception):
    """Training stopped between two steps of an interval, because the process is about to end."""


@dataclass(slots=True, kw_only=True)
class Interval:
    """The steps of an interval so far.

    Attributes:
        before: State of the run before the interval, for a schedule that may return to it; None for any other.
        num_steps: Optimizer steps done.
        num_tokens: Labels trained on.
        loss: Sum of the loss over labels, in nats.
        seen: Values of the averaged fields, by name, one entry per step that computed them.
        trained_s: Seconds of training, summed over all processes that trained a part of it.
    """

    before: dict[str, Any] | None = None
    num_steps: int = 0
    num_tokens: int = 0
    loss: float = 0.0
    seen: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _AVERAGED})
    trained_s: float = 0.0

    def add(self, outcome: StepLoss) -> None:
        """Count one optimizer step."""
        self.num_steps += 1
        self.num_tokens += outcome.num_tokens
        value = float(outcome.loss.detach()) if outcome.value is None else outcome.value
        self.loss += value * outcome.num_tokens
        for name, values in self.seen.items():
            if (value := getattr(outcome, name)) is not None:
                values.append(value)

    @property
    def mean_loss(self) -> float:
        """Mean loss in nats per label."""
        return self.loss / max(1, self.num_tokens)

    @property
    def means(self) -> dict[str, float | None]:
        """Mean of each averaged field over the steps that computed it; None where no step did.

        The standard deviation of the reward over all steps takes the place of its variance within them.
        """
        means = {name: sum(values) / len(values) if values else None for name, values in self.seen.items()}
        within = means.pop("reward_variance")
        deviation = None if within is None else (within + pvariance(self.seen["mean_reward"])) ** 0.5
        return means | {"reward_deviation": deviation}

    def state(self) -> dict[str, Any]:
        """As tensors and plain values; `from_state(i.state()) == i`."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Interval":
        """Read what `state` returned."""
        # the version that saved the interval may not have averaged every field
        return cls(**{**state, "seen": {name: state["seen"].get(name, []) for name in _AVERAGED}})
