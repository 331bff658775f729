"""Replay: a found path against baselines, with the same initial weights, the same budget and several new seeds."""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath

from erpo_explore.config.baselines import Baseline
from erpo_explore.config.experiment import Experiment, FinalTest, load_experiment
from erpo_explore.config.path_file import load_path
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.initial_weights import same_init_from
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.space import Algorithm, Path
from erpo_explore.store.files import Location, is_folder
from erpo_explore.store.manifest import load_manifest

__all__ = ["FOUND", "is_replay", "replay_experiment", "winning_algorithm"]

FOUND = "found"
"""Name of the replayed path among its baselines."""


def replay_experiment(
    origin: Location,
    *,
    experiment_file: FilePath | None,
    against: Mapping[str, Baseline | None],
    num_seeds: int,
    seed: int | None = None,
    beam_width: int = 5,
    tune: bool = False,
    path: Path | None = None,
) -> Experiment:
    """The experiment that replays a path.

    Args:
        origin: A results folder, whose best searched path is replayed, or the YAML file of a path; a path or a URI.
        experiment_file: Experiment with the task, model and budget. Default: that of the results folder.
        against: The baselines by name; None for an algorithm with the settings that the experiment gives it.
        num_seeds: Number of runs of the path and of each baseline.
        seed: The first seed. Default: one that the search has not used, since its winner was selected on its own seed.
        beam_width: Number of hypotheses per sentence of the test set.
        tune: Whether each run chooses beam width and length penalty on the validation set instead.
        path: Taken in place of the best searched path of a results folder, whose scores are then not read.

    Raises:
        ConfigError: A path file comes without an experiment, or a baseline has the name of the replayed path.
        ResultsError: The folder holds no score yet, has no searched path, or its initial checkpoints have changed.
    """
    if is_folder(origin):
        searched = experiment_of(load_manifest(origin), str(origin))
        experiment = load_experiment(experiment_file) if experiment_file else _with_init_from(searched, origin)
    else:
        if isinstance(origin, FilePath) and not origin.exists():
            raise ConfigError(f"{origin} does not exist; name a results folder or a path's YAML file")
        path = load_path(origin)
        if experiment_file is None:
            raise ConfigError(f"{origin} is a path without a task; add --space search_spaces/NAME.yaml")
        experiment = searched = load_experiment(experiment_file)
    if FOUND in against:
        raise ConfigError(f"--against must not name a baseline {FOUND}, which is the replayed path; rename it")
    replayed = _best_searched(origin) if path is None else path
    fresh_seed = max(used.seed + max(used.search.members, used.num_seeds) for used in (searched, experiment))
    baselines = {
        name: Algorithm(name=name, settings=experiment.algorithms.get(name, {})) if given is None else given
        for name, given in against.items()
    }
    test = experiment.test or experiment.training
    decoding = FinalTest(beam_width=beam_width, length_penalty=test.length_penalty)
    if tune:
        if beam_width != FinalTest().beam_width:
            raise ConfigError("tuning chooses the beam; leave out the beam width or the tuning")
        decoding = FinalTest(tune=True)
    written = experiment.to_dict() | {
        "name": f"{experiment.name}-replay",
        "search": Search(method="none").model_dump(mode="json", exclude={"start"}),
        "baselines": {**baselines, FOUND: replayed},
        "test": decoding.model_dump(),
        "seed": fresh_seed if seed is None else seed,
        "num_seeds": num_seeds,
    }
    return Experiment.from_dict(written, origin=str(origin))


def winning_algorithm(folder: Location) -> str | None:
    """The algorithm whose mean over seeds is not below the best other trial; None where another trial is ahead.

    An algorithm that wins leaves nothing to replay. Each trial counts with its best score.

    Raises:
        ResultsError: The folder holds no score yet.
    """
    from erpo_explore.store import best_row, load_results
    from erpo_explore.store.columns import BROKEN

    frame = load_results(folder)
    best_row(frame)
    counted = frame[frame["objective"].notna() & ~frame["status"].isin(BROKEN)]
    best = counted.sort_values("objective", kind="stable").groupby("trial").tail(1)
    is_algorithm = best["role"] == "algorithm"
    means = best[is_algorithm].groupby("algorithm")["objective"].mean()
    searched = best.loc[~is_algorithm, "objective"].max()
    return None if means.empty or searched > means.max() else str(means.idxmax())


def is_replay(experiment: Experiment) -> bool:
    """Whether an experiment replays a path."""
    return experiment.test is not None and FOUND in experiment.baselines


def _best_searched(folder: Location) -> Path:
    """The path with the best score among members; without members, among all trials but the algorithms."""
    # pandas takes long to import, and most mistakes are found without it
    from erpo_explore.store import best_row, load_results

    frame = load_results(folder)
    best_row(frame)
    members = frame[frame["role"] == "member"]
    searched = frame[frame["role"] != "algorithm"] if members.empty else members
    if searched.empty:
        raise ResultsError(f"results folder {folder} has trained baselines alone, so there is no found path to replay")
    return Path.from_dict(json.loads(best_row(searched)["path"]))


def _with_init_from(experiment: Experiment, folder: Location) -> Experiment:
    """The experiment of a results folder, with the initial weights that its trials began with."""
    init_from = {"init_from": same_init_from(experiment, folder)}
    return Experiment.from_dict(experiment.to_dict() | init_from, origin=str(folder))
