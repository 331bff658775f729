"""A warm start: what earlier explorations of the same task have found.

Their observations are gains to learn from (`gains`), and the path of the best score among them is where one member of
the new population walks first. Earlier results are read, never written, and read again where the exploration resumes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.search.gains import Gain, gains_of
from erpo_explore.space import Path
from erpo_explore.store import best_row, load_results
from erpo_explore.store.files import as_location

__all__ = ["WarmStart", "load_warm_start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """What is known before the first step.

    Attributes:
        gains: Of all earlier explorations, in the order of their folders.
        path: The one that reached the best score; None without earlier explorations.
    """

    gains: tuple[Gain, ...] = ()
    path: Path | None = None


def load_warm_start(folders: Sequence[str], *, task: str, score_name: str, horizons: Sequence[int] = (1,)) -> WarmStart:
    """Read earlier results.

    Args:
        folders: Results folders.
        task: Name of the task that is explored now.
        score_name: Name of its own metric.
        horizons: Over how many intervals gains are measured.

    Raises:
        ConfigError: A folder is of another task or metric.
        ResultsError: A folder holds no exploration, no score yet, or a path that can't be read.
    """
    if not folders:
        return WarmStart()
    frames = [_observations(folder, task, score_name) for folder in folders]
    gains = [_readable(folder, frame, horizons) for folder, frame in zip(folders, frames, strict=True)]
    best = best_row(pd.concat(frames, ignore_index=True))
    return WarmStart(
        gains=tuple(gain for some in gains for gain in some), path=Path.from_dict(json.loads(best["path"]))
    )


def _observations(folder: str, task: str, score_name: str) -> pd.DataFrame:
    """A folder's observations, if they can be compared with those to come."""
    columns = ["trial", "iteration", "parent", "step", "progress", "score", "status", "path", "task"]
    frame = load_results(as_location(folder), columns=columns)
    best_row(frame)  # raises where there is no score
    scores = load_results(as_location(folder), table="trials", columns=["score_name"])["score_name"]
    for name, found, wanted in (("task", frame["task"], task), ("score_name", scores, score_name)):
        if others := sorted(set(found.dropna()) - {wanted}):
            raise ConfigError(
                f"search.warm_start: {folder} must have the {name} of this exploration, {wanted}, got {others[0]}; "
                "leave it out, scores of another one can't be compared"
            )
    return frame


def _readable(folder: str, frame: pd.DataFrame, horizons: Sequence[int]) -> list[Gain]:
    try:
        return gains_of(frame, horizons)
    except ValueError as error:
        raise ResultsError(
            f"search.warm_start: {folder} holds a path that can't be read ({error}); leave it out"
        ) from error
