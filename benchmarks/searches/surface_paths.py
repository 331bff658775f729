"""Paths of the recorded surface: constant points, anneals, phases, random walks, and repetitions of some.

A knot is λ = (noise, task, model), with truth as the remainder, and τ_R, the temperature of the task's reward. Paths
have a knot at the end of each interval, so a run follows a straight line between two knots within an interval.
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
"""Standard deviation of a random walk's steps, as a share of the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run of the recording.

    Attributes:
        name: Unique name.
        kind: Kind of its path.
        seed: Random seed of its training.
        path: Its path.
    """

    name: str
    kind: str
    seed: int
    path: Path


def mixed(noise: float = 0.0, task: float = 0.0, model: float = 0.0, temperature: float = 0.1) -> Point:
    """Point of the paper's mixture with the given weights; truth is the remainder.

    Weights that sum to more than 1 are scaled back to the simplex.
    """
    scale = max(1.0, noise + task + model)
    noise, task, model = noise / scale, task / scale, model / scale
    truth = max(0.0, 1.0 - noise - task - model)
    reward = Reward(truth=truth, noise=noise, task=task, model=model, metric="bleu", temperature=temperature)
    return Point(reward=reward)


def knotted(points: list[Point]) -> Path:
    """Path with evenly spaced knots over the whole budget."""
    last = len(points) - 1
    return Path(knots=tuple((index / last, point) for index, point in enumerate(points)))


def plan(
    num_paths: int = 126,
    num_repeated: int = 8,
    repeats: int = 3,
    *,
    challengers: Sequence[Path] = (),
    seed: int = 0,
) -> list[Planned]:
    """All runs of the recording, in random order, so that the first runs are a fair sample.

    Args:
        num_paths: Number of anneals, phases and random walks together.
        num_repeated: Number of paths that are repeated.
        repeats: Number of repetitions.
        challengers: Paths appended at the end.
        seed: Random seed of the paths; the seed of a run is its position.
    """
    generator = np.random.default_rng(seed)
    paths = [("constant", Path.constant(point)) for point in _grid()]
    makers: tuple[Callable[[np.random.Generator], Path], ...] = (_anneal, _phases, _walk)
    paths += [(maker.__name__[1:], maker(generator)) for maker in itertools.islice(itertools.cycle(makers), num_paths)]
    chosen = generator.choice(len(paths), num_repeated, replace=False)
    # maximum likelihood is the reference, so it is always repeated
    again = [paths[index] for index in (0, *chosen[1:])] * repeats
    order = generator.permutation(len(paths) + len(again))
    everything = [*paths, *again]
    shuffled = [everything[index] for index in order]
    names: dict[Path, int] = {path: index for index, (_, path) in enumerate(paths)}
    for index, path in enumerate(challengers, len(paths)):
        names.setdefault(path, index)
        shuffled.append(("challenger", path))
    return [
        Planned(name=f"{index:03d}-{kind}-{names[path]:03d}", kind=kind, seed=index + 1, path=path)
        for index, (kind, path) in enumerate(shuffled)
    ]


def load_challengers(file: FilePath = CHALLENGERS) -> list[Path]:
    """Best paths of an earlier surrogate."""
    return [knotted([mixed(*knot) for knot in knots]) for knots in json.loads(file.read_text())]


def _grid() -> list[Point]:
    """Constant points: maximum likelihood first, a coarse grid, and finer steps of each weight alone."""
    points = [
        mixed(noise, task, model, temperature)
        for noise, task, model in itertools.product((0.0, 0.1, 0.3), (0.0, 0.2), (0.0, 0.15))
        for temperature in ((0.02, 0.1, 0.5) if task > 0.0 else (0.1,))
    ]
    points += [mixed(noise) for noise in (0.05, 0.2, 0.4)] + [mixed(model=0.3)]
    return points + [mixed(task=0.4, temperature=temperature) for temperature in (0.02, 0.1, 0.5)]


def _sparse_point(generator: np.random.Generator) -> Point:
    """Random point with each weight 0 with probability 0.5."""
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
    """Constant, then linear, then constant; half of the paths end at maximum likelihood."""
    start = _sparse_point(generator)
    end = mixed() if generator.random() < 0.5 else _sparse_point(generator)
    first, last = np.sort(generator.uniform(size=2))
    turn = Path(knots=((0.0, start), (float(first), start), (float(last), end), (1.0, end)))
    return knotted([turn.at(index / INTERVALS) for index in range(INTERVALS + 1)])


def _phases(generator: np.random.Generator) -> Path:
    """Two to four constant phases, half of them at maximum likelihood."""
    cuts = np.sort(generator.choice(np.arange(1, INTERVALS), int(generator.integers(1, 4)), replace=False))
    phases = [mixed() if generator.random() < 0.5 else _sparse_point(generator) for _ in range(len(cuts) + 1)]
    return knotted([phases[int(np.searchsorted(cuts, index))] for index in range(INTERVALS + 1)])


def _walk(generator: np.random.Generator) -> Path:
    """Random walk from maximum likelihood; at each knot half of the coordinates are perturbed, resampled or lowest."""
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
