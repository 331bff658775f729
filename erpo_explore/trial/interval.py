"""An interval that is under way: what has been done of it, and what its row will be made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from erpo_explore.erpo import StepLoss

__all__ = ["Interval", "ToldToEndError"]

_SEEN: Final = ("entropy_nats", "mean_reward", "effective_sample_size")
"""What a step says beside its loss, where it knows."""


class ToldToEndError(Exception):
    """The run was told to end between two steps of an interval; it stands after the last of them."""


@dataclass(slots=True, kw_only=True)
class Interval:
    """The steps of an interval so far.

    Attributes:
        before: State of the run before it, for a walk that may go back there; None for any other.
        num_steps: Optimizer steps done.
        num_tokens: Labels trained on.
        loss: Sum over labels, in nats.
        seen: What steps have said beside their loss, by name.
        trained_s: Seconds of training, in all processes that had a part in it.
    """

    before: dict[str, Any] | None = None
    num_steps: int = 0
    num_tokens: int = 0
    loss: float = 0.0
    seen: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _SEEN})
    trained_s: float = 0.0

    def add(self, outcome: StepLoss) -> None:
        """Take note of a step."""
        self.num_steps += 1
        self.num_tokens += outcome.num_tokens
        self.loss += float(outcome.loss.detach()) * outcome.num_tokens
        for name, values in self.seen.items():
            if (value := getattr(outcome, name)) is not None:
                values.append(value)

    @property
    def mean_loss(self) -> float:
        """In nats a label."""
        return self.loss / max(1, self.num_tokens)

    @property
    def means(self) -> dict[str, float | None]:
        """Of what some steps have seen and others have not; None of what none has."""
        return {name: sum(values) / len(values) if values else None for name, values in self.seen.items()}

    def state(self) -> dict[str, Any]:
        """As tensors and plain values; `from_state(i.state()) == i`."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Interval":
        """What `state` was taken of."""
        return cls(**state)
