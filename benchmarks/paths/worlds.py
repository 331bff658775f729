"""Worlds that searches are played in: recorded tables, and a model of the pilot's truth.

A world answers what a training would have reported. A *recorded* world has the rows of a table. A search sees a seed's
score as it was recorded, and is judged by the mean of seeds that it has not seen. Costs are CPU-seconds of the table,
in whole trainings of maximum likelihood.

The *pilot* world is used until the tables stand: what is true there is a model, so its regrets compare searches and
promise no gain. The truth is additive in place and algorithm, fitted to the mean of two seeds at each phase. Paths with
group rewards, which one seed has, keep the score that was measured. A run's luck has a standard deviation of 0.41 at
the end, grows phase by phase, and is shared by what shares a prefix of a seed.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path as FilePath

import numpy as np
import pandas as pd

from erpo_explore.search.phases import Letters, Phases

__all__ = ["PilotWorld", "RecordedWorld", "World"]


class World(ABC):
    """What trainings report, and what is true. Objectives: more is better."""

    letters: str
    """The algorithms, by their letters; maximum likelihood first."""

    phases: Phases
    """The space of paths."""

    @abstractmethod
    def observed(self, seed: int, prefix: Letters) -> float:
        """Objective that a search sees after a prefix.

        Args:
            seed: Number of the seed, from 0, in the order in which a search takes them.
            prefix: Letters of the phases so far.
        """

    @property
    @abstractmethod
    def num_seeds(self) -> int | None:
        """Seeds that a search may train; None for any number."""

    @cached_property
    @abstractmethod
    def truth(self) -> Mapping[Letters, float]:
        """True objective of each whole path."""

    @cached_property
    def paths(self) -> list[Letters]:
        """Every whole path."""
        return list(product(range(len(self.letters)), repeat=self.phases.num_phases))

    @cached_property
    def best(self) -> float:
        """True objective of the best path."""
        return max(self.truth.values())

    @cached_property
    def best_point(self) -> float:
        """True objective of the best constant path."""
        return max(self.truth[path] for path in self.phases.constants)

    @property
    def reference(self) -> float:
        """True objective of maximum likelihood."""
        return self.truth[self.phases.reference_path]


@dataclass(eq=False)
class RecordedWorld(World):
    """A table, of which a search sees some seeds.

    Attributes:
        table: One row per seed and prefix, with columns seed, path, objective.
        letters: The algorithms, maximum likelihood first.
        phases: The space of paths, with measured costs.
        seen: Seeds that the search trains, in its order.
        judged: Seeds whose mean is the truth.
    """

    table: pd.DataFrame
    letters: str
    phases: Phases
    seen: Sequence[int]
    judged: Sequence[int]

    @cached_property
    def _objective(self) -> dict[tuple[int, str], float]:
        keys = zip(self.table["seed"].tolist(), self.table["path"].tolist(), strict=True)
        return dict(zip(keys, self.table["objective"].tolist(), strict=True))

    def observed(self, seed: int, prefix: Letters) -> float:
        """The recorded score."""
        return self._objective[self.seen[seed], "".join(self.letters[letter] for letter in prefix)]

    @property
    def num_seeds(self) -> int:
        """Seeds of the table that a search sees."""
        return len(self.seen)

    @cached_property
    def truth(self) -> Mapping[Letters, float]:
        """Means of the judged seeds."""
        names = {path: "".join(self.letters[letter] for letter in path) for path in self.paths}
        return {
            path: float(np.mean([self._objective[seed, name] for seed in self.judged])) for path, name in names.items()
        }


PILOT_COSTS = {"m": 1.0, "l": 1.0, "r": 1.05, "s": 1.4, "g": 4.0}
"""Time of a phase, in phases of maximum likelihood, as the pilot measured it."""


class PilotWorld(World):
    """The model of the pilot's truth, see the module."""

    def __init__(self, truth: "PilotTruth", seed: int, *, noise: float = 0.41, between: float = 0.4) -> None:
        """A world with luck of its own.

        Args:
            truth: What is true.
            seed: Seed of the luck.
            noise: Standard deviation of a run's luck at its end.
            between: Standard deviation between seeds, shared by all paths of a seed.
        """
        self.letters = truth.letters
        self.phases = truth.phases
        self._truth, self._seed, self._noise, self._between = truth, seed, noise, between
        self._luck: dict[tuple[int, Letters], float] = {}

    @property
    def num_seeds(self) -> None:
        """Any number."""
        return

    def observed(self, seed: int, prefix: Letters) -> float:
        """Truth and luck."""
        luck = sum(self._draw(seed, prefix[:length]) for length in range(1, len(prefix) + 1))
        return self._truth.after[prefix] + self._draw(seed, ()) * self._between + luck * self._noise / 2.0

    def _draw(self, seed: int, prefix: Letters) -> float:
        if (seed, prefix) not in self._luck:
            digest = hashlib.blake2b(repr((self._seed, seed, prefix)).encode(), digest_size=8).digest()
            generator = np.random.default_rng(int.from_bytes(digest))
            self._luck[seed, prefix] = float(generator.standard_normal())
        return self._luck[seed, prefix]

    @cached_property
    def truth(self) -> Mapping[Letters, float]:
        """The model's objectives at the end."""
        return {path: self._truth.after[path] for path in self.paths}


class PilotTruth:
    """What is true in the pilot's worlds.

    Attributes:
        letters: The algorithms.
        phases: The space of paths.
        after: True objective after each prefix.
    """

    def __init__(self, folder: FilePath) -> None:
        """Fit it.

        Args:
            folder: Folder of the pilot's tables `tree-seed1.csv` and `tree-seed2.csv`.
        """
        self.letters = "mlrsg"
        num_phases = 4
        costs = tuple(PILOT_COSTS[letter] / num_phases for letter in self.letters)
        self.phases = Phases(num_phases=num_phases, costs=costs)
        measured: dict[str, list[float]] = {}
        for number in (1, 2):
            columns = ["seed", "path", *(f"after{phase}" for phase in range(1, num_phases + 1))]
            table = pd.read_csv(folder / f"tree-seed{number}.csv", names=columns)
            rows: dict[str, float] = {}
            for row in table.itertuples(index=False):
                for phase in range(1, num_phases + 1):
                    rows[row.path[:phase]] = float(row[1 + phase])
            for prefix, error_rate in rows.items():
                measured.setdefault(prefix, []).append(-error_rate)
        self.after: dict[Letters, float] = {}
        for length in range(1, num_phases + 1):
            means = {prefix: float(np.mean(of)) for prefix, of in measured.items() if len(prefix) == length}
            additive = {prefix: mean for prefix, mean in means.items() if "g" not in prefix}
            fitted = self._additive(additive)
            for prefix, mean in means.items():
                letters = tuple(self.letters.index(letter) for letter in prefix)
                self.after[letters] = fitted.get(prefix, mean)

    def _additive(self, means: Mapping[str, float]) -> dict[str, float]:
        rows = [
            [1.0, *(float(own == letter) for own in prefix for letter in self.letters if letter not in "mg")]
            for prefix in means
        ]
        design, values = np.array(rows), np.array(list(means.values()))
        return dict(zip(means, (design @ np.linalg.lstsq(design, values, rcond=None)[0]).tolist(), strict=True))
