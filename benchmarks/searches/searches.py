"""Searches for a path on the surface, each with a budget of 8 members × 10 intervals.

Each is a function of (surface, seed). It returns a path for each of the ten shares of its
budget: that of the member with the best observed score. An unfinished path stays at its last knot.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from benchmarks.searches.annealing import annealing
from benchmarks.searches.population import MEMBERS, SEARCH, Population, random_path
from benchmarks.searches.surface import Surface
from benchmarks.searches.surface_paths import INTERVALS
from benchmarks.searches.tune_methods import asha, pb2, pbt
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path

__all__ = ["METHODS", "VARIANTS", "Method", "random_paths"]

Method = Callable[[Surface, int], list[Path]]
"""Surface and seed to the path handed over after each share of the budget."""


def random_paths(surface: Surface, seed: int, *, knots: int = 1) -> list[Path]:
    """Search among random paths with evenly spaced knots; one knot is a constant point."""
    generator = keyed_generator(seed, 0)
    population = Population.starting(surface, seed, [random_path(generator, knots) for _ in range(MEMBERS)])
    found = []
    for _ in range(INTERVALS):
        population.advance()
        found.append(population.best)
    return found


def _variant(look_ahead: float = 0.0, **settings: Any) -> Method:
    """Our population with these settings of `Search`."""
    return partial(annealing, search=SEARCH.model_copy(update=settings), look_ahead=look_ahead)


VARIANTS: Final[Mapping[str, Method]] = {
    "ours": _variant(),
    "ours, evolve_every [1, 4]": _variant(evolve_every=(1, 4)),
    "ours, evolve_every [1], truncation": _variant(evolve_every=(1,), selection="truncation"),
    "ours, resample 0.25": _variant(resample=0.25),
    "ours, truncation": _variant(selection="truncation"),
    "ours, score plus improvement": _variant(look_ahead=1.0, selection="truncation"),
}
"""Our own search by its settings."""

METHODS: Final[Mapping[str, Method]] = {
    "random points": random_paths,
    "random paths": partial(random_paths, knots=3),
    "ASHA, points": asha,
    "ASHA, paths": partial(asha, knots=3),
    "PBT": pbt,
    "PB2": pb2,
    **VARIANTS,
}
