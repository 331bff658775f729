"""From a search space to the trials that explore it."""

from erpo_explore.search.proposals import first_point, grid_points, random_point, rng
from erpo_explore.space import Path, dot
from erpo_explore.space.search_space import SearchSpace
from erpo_explore.trial import TrialSpec

__all__ = ["plan_trials"]


def plan_trials(space: SearchSpace, metric: str) -> list[TrialSpec]:
    """Every trial of an exploration: the named dots and paths, once a seed, then those of the search.

    Args:
        space: What the user wrote.
        metric: The task's own metric.
    """
    seeds = range(space.seed, space.seed + space.num_seeds)
    fixed = [("dot", name, dot(name, metric=metric, settings=settings)) for name, settings in space.dots.items()]
    fixed += [("path", name, path) for name, path in space.paths.items()]
    specs = [
        TrialSpec(name=f"{name}-s{seed}", role=role, dot=name, seed=seed, path=path)  # type: ignore[arg-type]
        for role, name, path in fixed
        for seed in seeds
    ]
    return specs + _searched(space, metric)


def _searched(space: SearchSpace, metric: str) -> list[TrialSpec]:
    search = space.search
    if search.method == "population":
        start, at = first_point(search, metric), space.training.interval / space.training.steps
        return [
            TrialSpec(
                name=f"member-{index}",
                role="member",
                dot=None,
                seed=space.seed + index,
                path=Path(knots=((0.0, start), (at, random_point(search, metric, rng(space.seed, 0, index))))),
            )
            for index in range(search.members)
        ]
    if search.method == "none":
        return []
    if search.method == "grid":
        points = grid_points(search, metric)
    else:
        points = [random_point(search, metric, rng(space.seed, 0, index)) for index in range(search.members)]
    return [
        TrialSpec(
            name=f"{search.method}-{index}",
            role=search.method,
            dot=None,
            seed=space.seed,
            path=Path.constant(point),
        )
        for index, point in enumerate(points)
    ]
