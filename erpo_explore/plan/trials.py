"""From a search space to the trials that explore it."""

import itertools
from collections.abc import Sequence
from typing import Literal

from erpo_explore.config.experiment import Experiment, Training
from erpo_explore.plan.warm_start import load_warm_start
from erpo_explore.search.proposals import first_knot, first_point, grid_points, nearest_knot, random_point, rng
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path, Point, algorithm
from erpo_explore.trial import TrialSpec

__all__ = ["num_suggested", "num_walkable", "plan_trials", "searched_trial"]


def plan_trials(space: Experiment, metric: str) -> list[TrialSpec]:
    """Every trial that is known before an exploration begins: baselines, paths, then the search's.

    Those of `optuna` are not among them, since each depends on the scores of earlier ones.

    Args:
        space: What the user wrote.
        metric: The task's own metric.

    Raises:
        ConfigError: The grid has no point, or `search.warm_start` names results of another task.
        ResultsError: Earlier results can't be read.
    """
    seeds = range(space.seed, space.seed + space.num_seeds)
    fixed = [
        ("algorithm", name, algorithm(name, metric=metric, settings=settings))
        for name, settings in space.baselines.items()
    ]
    fixed += [("path", name, path) for name, path in space.paths.items()]
    specs = [
        TrialSpec(name=f"{name}-s{seed}", role=role, algorithm=name, seed=seed, path=path)  # type: ignore[arg-type]
        for role, name, path in fixed
        for seed in seeds
    ]
    return specs + _searched(space, metric)


def num_walkable(training: Training) -> int:
    """Knots that a path on the clock `plateau` can reach: the first, and one more each time the valid score drops.

    The first report can't be a drop, and after the last one nothing is trained.
    """
    return max(1, training.steps // training.interval - 1)


def num_suggested(space: Experiment) -> int:
    """How many trials are suggested while the exploration runs, on top of those that are planned."""
    return space.search.members if space.search.method == "optuna" else 0


def searched_trial(
    role: Literal["grid", "random", "optuna"], index: int, points: Sequence[Point], space: Experiment
) -> TrialSpec:
    """The trial that tries a path through freely chosen points, at evenly spaced places of the budget."""
    last = max(1, len(points) - 1)
    path = Path(knots=tuple((place / last, point) for place, point in enumerate(points)))
    return TrialSpec(name=f"{role}-{index}", role=role, algorithm=None, seed=space.seed, path=path)


def _searched(space: Experiment, metric: str) -> list[TrialSpec]:
    search = space.search
    match search.method:
        case "population" | "pbt" | "pb2":
            return _members(space, metric)
        case "grid":
            paths = itertools.product(grid_points(search, metric), repeat=search.knots)
            return [searched_trial("grid", index, points, space) for index, points in enumerate(paths)]
        case "random":
            generators = [rng(space.seed, 0, index) for index in range(search.members)]
            return [
                searched_trial(
                    "random", index, [random_point(search, metric, generator) for _ in range(search.knots)], space
                )
                for index, generator in enumerate(generators)
            ]
        case "optuna" | "none":
            return []


def _members(space: Experiment, metric: str) -> list[TrialSpec]:
    search, interval = space.search, space.training.interval / space.training.steps
    # Tune's own populations judge everybody after every interval
    every = [period_of(index, search) if search.method == "population" else 1 for index in range(search.members)]
    places = [min(1.0, period * interval) for period in every]
    knots = [first_knot(search, metric, rng(space.seed, 0, index)) for index in range(search.members)]
    earlier = load_warm_start(search.warm_start, task=space.task.name, score_name=metric).path
    if earlier is not None:
        knots[0] = nearest_knot(earlier.at(places[0]), search, metric)
    return [
        TrialSpec(
            name=f"member-{index}",
            role="member",
            algorithm=None,
            seed=space.seed + index,
            path=Path(knots=((0.0, first_point(search, metric)), (at, knot))),
        )
        for index, (at, knot) in enumerate(zip(places, knots, strict=True))
    ]
