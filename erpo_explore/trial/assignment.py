"""What a trial does next: its spec, the population's latest decision on it, and how often it has failed.

An assignment travels from the driver to a worker as the trial's Tune config, so it also has a form of plain values.
What a trial *has become* (weights, path so far) is not here but in its checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from erpo_explore.space import Point
from erpo_explore.trial.spec import TrialSpec

__all__ = ["Assignment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The instructions of one trial.

    Attributes:
        spec: Name, role, seed and path of the trial.
        until: Number of intervals after which the population decides on it again; None for a trial that is no member.
        generation: Number of intervals that its weights had trained when the population last decided on it.
        parent: Name of the trial that it cloned last; None where it never did.
        next_knot: The point to reach after `until` intervals; None to follow the path of `spec`.
        cloned_at: Value of `generation` when it last cloned another trial; 0 where it never did.
        num_reseeds: Number of times it was re-seeded from another member because its own weights were lost.
        num_failures: Number of failures so far.
        failures_when_judged: Value of `num_failures` when the population last decided on it.
        attempt: Number of failures in which it diverged; each attempt has random draws of its own.
    """

    spec: TrialSpec
    until: int | None = None
    generation: int = 0
    parent: str | None = None
    next_knot: Point | None = None
    cloned_at: int = 0
    num_reseeds: int = 0
    num_failures: int = 0
    failures_when_judged: int = 0
    attempt: int = 0

    def after_failure(self, *, num_failures: int, diverged: bool) -> "Assignment":
        """The assignment with which a trial that failed is tried again from its last checkpoint.

        Only a trial that diverged gets new random draws; after any other failure it repeats the same steps.

        Args:
            num_failures: Number of failures so far, this one included.
            diverged: Whether it failed because of a non-finite loss.
        """
        return replace(self, num_failures=num_failures, attempt=self.attempt + int(diverged))

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `from_dict(to_dict(a)) == a`."""
        written = {field.name: getattr(self, field.name) for field in fields(self)}
        knot = self.next_knot.to_dict() if self.next_knot is not None else None
        return written | {"spec": self.spec.to_dict(), "next_knot": knot}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Assignment":
        """Read what `to_dict` wrote, and ignore other keys: Tune's own schedulers add searched coordinates."""
        known = {field.name: written[field.name] for field in fields(cls)}
        knot = Point.from_dict(written["next_knot"]) if written["next_knot"] is not None else None
        return cls(**known | {"spec": TrialSpec.from_dict(written["spec"]), "next_knot": knot})
