"""Paths of a few algorithms that take turns, phase by phase, and the checkpoints that their trainings leave.

A run has Q phases, and an algorithm trains each of them. A path is the tuple of their numbers, and a prefix of it names
a checkpoint: all paths of one seed that begin alike share the checkpoint, since batches and draws depend on the seed.

Legend: N checkpoints, Q phases, A algorithms.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from erpo_explore.errors import ConfigError

__all__ = ["Checkpoint", "Letters", "Phases", "letters_array"]

Letters = tuple[int, ...]
"""Number of the algorithm of each phase, from the first one on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """The space of paths.

    Attributes:
        num_phases: Q, phases of a whole path.
        costs: Time of one phase of each algorithm, in whole trainings of the reference.
        reference: Number of the algorithm that all are compared with, maximum likelihood.

    Raises:
        ConfigError: There is no phase or algorithm, a cost is not positive, or the reference is none of the algorithms.
    """

    num_phases: int
    costs: tuple[float, ...]
    reference: int = 0

    def __post_init__(self) -> None:
        if self.num_phases < 1:
            raise ConfigError(f"num_phases must be >= 1, got {self.num_phases}; give the branch times plus one")
        if not self.costs or min(self.costs) <= 0.0:
            raise ConfigError(f"costs must be positive, one per algorithm, got {self.costs}; measure a few steps")
        if not 0 <= self.reference < len(self.costs):
            raise ConfigError(f"reference must be one of {len(self.costs)} algorithms, got {self.reference}")

    @property
    def num_algorithms(self) -> int:
        """A, the number of algorithms."""
        return len(self.costs)

    @property
    def reference_path(self) -> Letters:
        """The path of the reference alone."""
        return (self.reference,) * self.num_phases

    @property
    def constants(self) -> list[Letters]:
        """The paths of one algorithm each."""
        return [(algorithm,) * self.num_phases for algorithm in range(self.num_algorithms)]

    def cost(self, letters: Letters, *, start: int = 0) -> float:
        """Time of the phases of a path after the first `start` ones."""
        return math.fsum(self.costs[letter] for letter in letters[start:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is known after some phases of one seed.

    Attributes:
        seed: Seed of weights, batches and draws.
        letters: The phases so far, at least one.
        objective: Validation score, negated where less is better.
    """

    seed: int
    letters: Letters
    objective: float


def letters_array(paths: Sequence[Letters] | Iterable[Letters], num_phases: int) -> Int[np.ndarray, "N Q"]:
    """Paths and prefixes as rows; −1 where no phase was trained."""
    rows = [letters + (-1,) * (num_phases - len(letters)) for letters in paths]
    return np.array(rows, np.int64).reshape(-1, num_phases)


def objectives(checkpoints: Iterable[Checkpoint]) -> Float[np.ndarray, " N"]:
    """Objectives of checkpoints."""
    return np.array([checkpoint.objective for checkpoint in checkpoints], np.float64)
