"""Replay: a found path against others, from scratch, with the same budget and several seeds."""

from collections.abc import Sequence
from pathlib import Path as FilePath

from erpo_explore.errors import ConfigError
from erpo_explore.results import best_path
from erpo_explore.search.provenance import space_of
from erpo_explore.search.trunk import same_trunk
from erpo_explore.space import DOTS
from erpo_explore.space.path_file import load_path
from erpo_explore.space.search import Search
from erpo_explore.space.search_space import SearchSpace, load_space
from erpo_explore.store import load_manifest

__all__ = ["FOUND", "replay_space"]

FOUND = "found"
"""Name of the replayed path among its rivals."""


def replay_space(
    origin: FilePath, *, space_file: FilePath | None, against: Sequence[str], num_seeds: int, seed: int | None = None
) -> SearchSpace:
    """The exploration that replays a path.

    Args:
        origin: A results folder, whose best path is taken, or a path's YAML file.
        space_file: Task, model and budget; those of the results folder if not given.
        against: Names of dots.
        num_seeds: Runs of the path and of each rival.
        seed: The first seed; by default one that the search has not used, since its winner was chosen on its own.

    Raises:
        ConfigError: A rival is unknown, or a path's file comes without a space.
        ResultsError: The folder holds no score yet.
    """
    for name in against:
        if name not in DOTS:
            raise ConfigError(f"--against must name dots out of {', '.join(DOTS)}, got {name!r}")
    if origin.is_dir():
        path = best_path(origin)
        space = load_space(space_file) if space_file else _space_of_results(origin)
    else:
        path = load_path(origin)
        if space_file is None:
            raise ConfigError(f"{origin} is a path without a task; add --space search_spaces/NAME.yaml")
        space = load_space(space_file)
    fresh_seed = space.seed + max(space.search.members, space.num_seeds)
    written = space.to_dict() | {
        "name": f"{space.name}-replay",
        "search": Search(method="none").model_dump(mode="json", exclude={"start"}),
        "dots": {name: space.dots.get(name, {}) for name in against},
        "paths": {FOUND: path.to_dict()},
        "seed": fresh_seed if seed is None else seed,
        "num_seeds": num_seeds,
    }
    return SearchSpace.from_dict(written, origin=str(origin))


def _space_of_results(folder: FilePath) -> SearchSpace:
    """That of a results folder, with the trunk that its trials branched from."""
    space = space_of(load_manifest(folder), str(folder))
    return SearchSpace.from_dict(space.to_dict() | {"start_from": same_trunk(space, folder)}, origin=str(folder))
