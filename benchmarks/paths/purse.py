"""A search's budget in time, and the trainings that it pays for."""

from dataclasses import dataclass, field

from benchmarks.paths.worlds import World
from erpo_explore.search.phases import Checkpoint, Letters

__all__ = ["Purse"]

_ROUNDING = 1e-9


@dataclass(slots=True)
class Purse:
    """What is left, and what was seen for the rest.

    Attributes:
        world: What trainings report.
        budget: Time, in whole trainings of maximum likelihood.
        spent: Time that was paid.
        seen: Objective of each checkpoint, by (seed, prefix).
    """

    world: World
    budget: float
    spent: float = 0.0
    seen: dict[tuple[int, Letters], float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Time that is left."""
        return self.budget - self.spent

    def affords(self, cost: float) -> bool:
        """Whether a cost can be paid."""
        return self.spent + cost <= self.budget + _ROUNDING

    def train(self, seed: int, path: Letters, *, start: int = 0) -> float | None:
        """Train the phases of a path from its `start`-th on; returns the last objective.

        Where the budget ends before, what it affords is trained, and None is returned.
        """
        objective = None
        for length in range(start + 1, len(path) + 1):
            cost = self.world.phases.costs[path[length - 1]]
            if not self.affords(cost):
                self.spent = self.budget
                return None
            self.spent += cost
            objective = self.seen[seed, path[:length]] = self.world.observed(seed, path[:length])
        return objective

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """What was seen, in its order."""
        return [
            Checkpoint(seed=seed, letters=letters, objective=objective)
            for (seed, letters), objective in self.seen.items()
        ]
