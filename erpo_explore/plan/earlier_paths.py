"""`search.prior`: what the runs of earlier explorations let expect of paths of the present algorithms.

A run counts where it was trained to its end and stays at one of the present algorithms in each phase, with the same
settings. Its gain is its last objective less the mean of maximum likelihood's on the same seed, of the same folder; on
all seeds, where its own has none. So tasks of different levels can be put together.

Earlier results are read once, when the exploration is planned. `exploration.yaml` has what was found, so a resumed
exploration does not need them.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.search.path_prior import PathPrior, shrunken_gains
from erpo_explore.search.phases import Letters
from erpo_explore.search.turns import Turns
from erpo_explore.space import Path
from erpo_explore.store import load_results
from erpo_explore.store.files import as_location

__all__ = ["load_prior"]

_log: Final = logging.getLogger(__name__)


def load_prior(folders: Sequence[str], turns: Turns, *, score_name: str) -> PathPrior:
    """Read the prior from earlier results.

    Args:
        folders: Results folders, at least one.
        turns: The present algorithms and phases.
        score_name: Name of the task's own metric.

    Raises:
        ConfigError: A folder has another metric, or no run of maximum likelihood and of another path that counts.
        ResultsError: A folder holds no exploration, or an unreadable path.
    """
    phases = turns.phases(dict.fromkeys(turns.names, 1.0))
    gains = [gain for folder in folders for gain in _gains(folder, turns, phases.reference_path, score_name)]
    seen = {letter for letters, _ in gains for letter in letters}
    if unseen := [name for letter, name in enumerate(turns.names) if letter not in seen and letter != phases.reference]:
        _log.warning("search.prior has no run of %s, so it expects no gain of it", ", ".join(unseen))
    return PathPrior(gains=shrunken_gains(phases, gains))


def _gains(folder: str, turns: Turns, reference: Letters, score_name: str) -> list[tuple[Letters, float]]:
    """Paths of a folder's runs, each with its gain, without those of maximum likelihood."""
    location = as_location(folder)
    names = set(load_results(location, table="trials", columns=["score_name"])["score_name"].dropna())
    if unlike := sorted(names - {score_name}):
        raise ConfigError(
            f"search.prior: {folder} must have the metric of this exploration, {score_name}, got {unlike[0]}; leave it "
            "out, gains of another one can't be compared"
        )
    rows = load_results(location, columns=["seed", "progress", "objective", "path"])
    ends = rows[(rows["progress"] >= 1.0) & rows["objective"].notna()]
    runs: list[tuple[int, Letters, float]] = []
    for seed, objective, written in zip(ends["seed"], ends["objective"], ends["path"], strict=True):
        try:
            letters = turns.fitting_letters(Path.from_dict(json.loads(written)))
        except ValueError as error:
            raise ResultsError(
                f"search.prior: {folder} holds a path that can't be read ({error}); leave it out"
            ) from error
        if letters is not None:
            runs.append((int(seed), letters, float(objective)))
    levels: dict[int, list[float]] = defaultdict(list)
    for seed, letters, objective in runs:
        if letters == reference:
            levels[seed].append(objective)
    others = [run for run in runs if run[1] != reference]
    if not levels or not others:
        raise ConfigError(
            f"search.prior: {folder} must have whole runs of maximum likelihood and of other paths of "
            f"{', '.join(turns.names[1:])} with the present settings, got {len(levels)} and {len(others)}; leave it out"
        )
    everywhere = [objective for each in levels.values() for objective in each]
    return [(letters, objective - float(np.mean(levels.get(seed, everywhere)))) for seed, letters, objective in others]
