"""Which paths the recorded surface is made of: constant points, anneals, phases, walks, and some of them again.

A knot is λ = (noise, task, model) with the rest truth, and τ_R, the temperature of the task's reward. Paths have a knot
at each of the intervals' ends, so that what a run walks in an interval is a straight line between two knots.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

import numpy as np

from erpo_explore.space import Path, Point, Reward

__all__ = ["CHALLENGERS", "INTERVALS", "RANGES", "Planned", "knotted", "load_challengers", "mixed", "plan"]

CHALLENGERS: Final = FilePath(__file__).parent / "data" / "challengers.json"

INTERVALS: Final = 10
RANGES: Final = {"noise": (0.0, 0.4), "task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5)}
_STEP: Final = 0.2
"""Of a walk, in widths of the ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run of the recording.

    Attributes:
        name: Unique.
        kind: How its path was made.
        seed: Of its training.
        path: What it walks.
    """

    name: str
    kind: str
    seed: int
    path: Path


def mixed(noise: float = 0.0, task: float = 0.0, model: float = 0.0, temperature: float = 0.1) -> Point:
    """The point of the paper's mixture with these weights; what is left over is truth.

    Weights that sum to more than 1 are scaled back to the simplex.
    """
    scale = max(1.0, noise + task + model)
    noise, task, model = noise / scale, task / scale, model / scale
    truth = max(0.0, 1.0 - noise - task - model)
    reward = Reward(truth=truth, noise=noise, task=task, model=model, metric="bleu", temperature=temperature)
    return Point(reward=reward)


def knotted(points: list[Point]) -> Path:
    """The path with these knots, evenly spaced over the whole budget."""
    last = len(points) - 1
    return Path(knots=tuple((place / last, point) for place, point in enumerate(points)))


def plan(
    num_paths: int = 126,
    num_repeated: int = 8,
    repeats: int = 3,
    *,
    challengers: Sequence[Path] = (),
    seed: int = 0,
) -> list[Planned]:
    """Every run of the recording, in an order in which any beginning is a fair sample.

    Args:
        num_paths: Of anneals, phases and walks together.
        num_repeated: Paths that are walked again.
        repeats: How often.
        challengers: Paths that come after all others.
        seed: Of the paths; a run's own seed is its place.
    """
    generator = np.random.default_rng(seed)
    paths = [("constant", Path.constant(point)) for point in _grid()]
    makers: tuple[Callable[[np.random.Generator], Path], ...] = (_anneal, _phases, _walk)
    paths += [(maker.__name__[1:], maker(generator)) for maker in itertools.islice(itertools.cycle(makers), num_paths)]
    chosen = generator.choice(len(paths), num_repeated, replace=False)
    # maximum likelihood is what the trap is measured against, so it is always among them
    again = [paths[place] for place in (0, *chosen[1:])] * repeats
    order = generator.permutation(len(paths) + len(again))
    everything = [*paths, *again]
    shuffled = [everything[index] for index in order]
    names: dict[Path, int] = {path: place for place, (_, path) in enumerate(paths)}
    for place, path in enumerate(challengers, len(paths)):
        names.setdefault(path, place)
        shuffled.append(("challenger", path))
    return [
        Planned(name=f"{place:03d}-{kind}-{names[path]:03d}", kind=kind, seed=place + 1, path=path)
        for place, (kind, path) in enumerate(shuffled)
    ]


def load_challengers(file: FilePath = CHALLENGERS) -> list[Path]:
    """Paths that an earlier surrogate thought best."""
    return [knotted([mixed(*knot) for knot in knots]) for knots in json.loads(file.read_text())]


def _grid() -> list[Point]:
    """Constant points: maximum likelihood first, a coarse grid, and each weight alone more finely."""
    points = [
        mixed(noise, task, model, temperature)
        for noise, task, model in itertools.product((0.0, 0.1, 0.3), (0.0, 0.2), (0.0, 0.15))
        for temperature in ((0.02, 0.1, 0.5) if task > 0.0 else (0.1,))
    ]
    points += [mixed(noise) for noise in (0.05, 0.2, 0.4)] + [mixed(model=0.3)]
    return points + [mixed(task=0.4, temperature=temperature) for temperature in (0.02, 0.1, 0.5)]


def _sparse_point(generator: np.random.Generator) -> Point:
    """A point at which each weight is 0 with a chance of a half."""
    weights = {
        name: float(generator.uniform(low, high) * generator.integers(2))
        for name, (low, high) in RANGES.items()
        if name != "temperature"
    }
    return mixed(**weights, temperature=_temperature(generator))


def _temperature(generator: np.random.Generator) -> float:
    low, high = np.log(RANGES["temperature"])
    return float(np.exp(generator.uniform(low, high)))


def _anneal(generator: np.random.Generator) -> Path:
    """Stay, go over in a straight line, stay; half of the time the end is maximum likelihood."""
    start = _sparse_point(generator)
    end = mixed() if generator.random() < 0.5 else _sparse_point(generator)
    first, last = np.sort(generator.uniform(size=2))
    turn = Path(knots=((0.0, start), (float(first), start), (float(last), end), (1.0, end)))
    return knotted([turn.at(place / INTERVALS) for place in range(INTERVALS + 1)])


def _phases(generator: np.random.Generator) -> Path:
    """Two to four stretches at one point each, of which half are maximum likelihood."""
    cuts = np.sort(generator.choice(np.arange(1, INTERVALS), int(generator.integers(1, 4)), replace=False))
    stays = [mixed() if generator.random() < 0.5 else _sparse_point(generator) for _ in range(len(cuts) + 1)]
    return knotted([stays[int(np.searchsorted(cuts, place))] for place in range(INTERVALS + 1)])


def _walk(generator: np.random.Generator) -> Path:
    """From maximum likelihood; at each knot half of the coordinates are moved a little, drawn anew or, a weight, 0."""
    values = {"noise": 0.0, "task": 0.0, "model": 0.0, "temperature": 0.1}
    points = [mixed()]
    for _ in range(INTERVALS):
        for name, limits in RANGES.items():
            low, high = np.log(limits) if name == "temperature" else limits
            value = np.log(values[name]) if name == "temperature" else values[name]
            change = generator.random()
            if change < 0.3:
                value = np.clip(value + _STEP * (high - low) * generator.standard_normal(), low, high)
            elif change < 0.4:
                value = generator.uniform(low, high)
            elif change < 0.5:
                value = low
            values[name] = float(np.exp(value)) if name == "temperature" else float(value)
        points.append(mixed(**values))
    return knotted(points)
