"""A population of simulated members on the surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.searches.surface import States, Surface, coordinates
from benchmarks.searches.surface_paths import INTERVALS, RANGES
from erpo_explore.config.search import Search
from erpo_explore.search.proposals import random_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path

__all__ = ["MEMBERS", "METRIC", "SEARCH", "Population", "random_path"]

MEMBERS: Final = 8
METRIC: Final = "bleu"
SEARCH: Final = Search(members=MEMBERS, ranges=dict(RANGES))


@dataclass(slots=True)
class Population:
    """Members on the surface.

    Attributes:
        surface: The simulator.
        generator: Generator of luck and evaluation noise.
        states: True states of the members.
        paths: Paths of the members.
        sentences_NS: Last observed sentence scores.
        scores_NT: Observed scores so far, including those of donors before a clone.
    """

    surface: Surface
    generator: np.random.Generator
    states: States
    paths: list[Path]
    sentences_NS: np.ndarray
    scores_NT: list[list[float]]

    @classmethod
    def starting(cls, surface: Surface, seed: int, paths: list[Path]) -> "Population":
        """Untrained members.

        Args:
            surface: The simulator.
            seed: Random seed of luck and evaluation noise; decisions use another stream.
            paths: Known part of each member's path.
        """
        knot_NC = np.stack([coordinates(path.at(0.0)) for path in paths])
        return cls(
            surface,
            keyed_generator(seed, 1),
            States.first(knot_NC),
            paths,
            np.zeros((len(paths), 1)),
            [[] for _ in paths],
        )

    @property
    def score_N(self) -> np.ndarray:
        """Observed scores of the members."""
        return self.sentences_NS.mean(axis=1)

    @property
    def best(self) -> Path:
        """Path of the member with the best observed score."""
        return self.paths[int(np.argmax(self.score_N))]

    @property
    def best_so_far(self) -> Path:
        """Trained part of the best path."""
        return self.best.until(self.states.interval / INTERVALS)

    def advance(self) -> None:
        """Train one interval along the paths, then evaluate."""
        at = (self.states.interval + 1) / INTERVALS
        knot_NC = np.stack([coordinates(path.at(at)) for path in self.paths])
        self.states = self.surface.advance(self.states, knot_NC, self.generator)
        self.sentences_NS = self.surface.observe(self.states, self.generator)
        for scores_T, score in zip(self.scores_NT, self.score_N, strict=True):
            scores_T.append(float(score))

    def clone(self, origins: Sequence[int], paths: list[Path]) -> None:
        """Each member continues with the weights of `origins[index]` and a new path."""
        self.states, self.paths = self.states.rows(list(origins)), paths
        self.scores_NT = [list(self.scores_NT[origin]) for origin in origins]


def random_path(generator: np.random.Generator, knots: int) -> Path:
    """A path with random points at evenly spaced knots; a single knot is a constant point."""
    points = [random_point(SEARCH, METRIC, generator) for _ in range(knots)]
    return Path(knots=tuple((index / max(1, knots - 1), point) for index, point in enumerate(points)))
