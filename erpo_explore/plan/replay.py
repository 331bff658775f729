"""Replay: a found path against others, from scratch or from the same trunk, with the same budget and several seeds."""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath

import pandas as pd

from erpo_explore.config.baselines import Baseline
from erpo_explore.config.experiment import Experiment, FinalTest, load_experiment
from erpo_explore.config.path_file import load_path
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.initial_weights import same_init_from
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.space import Algorithm, Path
from erpo_explore.store import best_row, load_manifest, load_results
from erpo_explore.store.files import Location, is_folder

__all__ = ["FOUND", "is_replay", "replay_space", "winning_algorithm"]

FOUND = "found"
"""Name of the replayed path among its baselines."""


def replay_space(
    origin: Location,
    *,
    space_file: FilePath | None,
    against: Mapping[str, Baseline | None],
    num_seeds: int,
    seed: int | None = None,
    beam_width: int = 5,
) -> Experiment:
    """The exploration that replays a path.

    Args:
        origin: A results folder, whose best searched path is taken, or a path's YAML file; a path or a URI.
        space_file: Task, model and budget; those of the results folder if not given.
        against: The baselines by name; None for an algorithm with the settings that the experiment gives it.
        num_seeds: Runs of the path and of each baseline.
        seed: The first seed; by default one that the search has not used, since its winner was chosen on its own.
        beam_width: Hypotheses a sentence of the test set.

    Raises:
        ConfigError: A path's file comes without a space, or a baseline has the name of the replayed path.
        ResultsError: The folder holds no score yet, nothing was searched in it, or its trunk is another one by now.
    """
    if is_folder(origin):
        path = _best_searched(origin)
        searched = experiment_of(load_manifest(origin), str(origin))
        space = load_experiment(space_file) if space_file else _with_init_from(searched, origin)
    else:
        path = load_path(origin)
        if space_file is None:
            raise ConfigError(f"{origin} is a path without a task; add --space search_spaces/NAME.yaml")
        space = searched = load_experiment(space_file)
    if FOUND in against:
        raise ConfigError(f"--against must not name a baseline {FOUND}, which is the replayed path; rename it")
    fresh_seed = max(used.seed + max(used.search.members, used.num_seeds) for used in (searched, space))
    baselines = {
        name: Algorithm(name=name, settings=space.algorithms.get(name, {})) if given is None else given
        for name, given in against.items()
    }
    length_penalty = space.test.length_penalty if space.test is not None else space.training.length_penalty
    written = space.to_dict() | {
        "name": f"{space.name}-replay",
        "search": Search(method="none").model_dump(mode="json", exclude={"start"}),
        "baselines": {**baselines, FOUND: path},
        "test": FinalTest(beam_width=beam_width, length_penalty=length_penalty).model_dump(),
        "seed": fresh_seed if seed is None else seed,
        "num_seeds": num_seeds,
    }
    return Experiment.from_dict(written, origin=str(origin))


def winning_algorithm(folder: Location) -> str | None:
    """The algorithm that reached the best score in a results folder, where one did: then there is nothing to replay.

    Raises:
        ResultsError: The folder holds no score yet.
    """
    best = best_row(load_results(folder))
    return str(best["algorithm"]) if best["role"] == "algorithm" else None


def is_replay(space: Experiment) -> bool:
    """Whether an exploration is a replay."""
    return space.test is not None and FOUND in space.baselines


def _best_searched(folder: Location) -> Path:
    """The path of the member with the best score; in a folder without members, of what is no algorithm."""
    frame = load_results(folder)
    best_row(frame)
    searched = _searched(frame)
    if searched.empty:
        raise ResultsError(f"results folder {folder} has trained baselines alone, so there is no found path to replay")
    return Path.from_dict(json.loads(best_row(searched)["path"]))


def _searched(observations: pd.DataFrame) -> pd.DataFrame:
    members = observations[observations["role"] == "member"]
    return observations[observations["role"] != "algorithm"] if members.empty else members


def _with_init_from(space: Experiment, folder: Location) -> Experiment:
    """The space of a results folder, with the trunk that its trials branched from."""
    return Experiment.from_dict(space.to_dict() | {"init_from": same_init_from(space, folder)}, origin=str(folder))
