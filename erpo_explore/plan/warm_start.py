"""Warm start: the best path of earlier explorations of the same task.

One member of the new population starts towards it. Earlier results are read, never written, and read again when the
exploration resumes.
"""

import json
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.space import Path
from erpo_explore.store import best_row, load_results
from erpo_explore.store.files import as_location

__all__ = ["load_warm_start"]


def load_warm_start(folders: Sequence[str], *, task: str, score_name: str | None = None) -> Path | None:
    """Read the path of the best score in earlier results.

    Args:
        folders: Results folders.
        task: Name of the present task.
        score_name: Name of the task's own metric; None does not compare it.

    Returns:
        The path as far as it had been trained, None without folders.

    Raises:
        ConfigError: A folder has another task or metric.
        ResultsError: A folder holds no exploration, no score yet, or an unreadable path.
    """
    if not folders:
        return None
    best_rows = [_best(folder, task, score_name) for folder in folders]
    best: Path = best_row(pd.DataFrame(best_rows))["read"]
    return best


def _best(folder: str, task: str, score_name: str | None) -> dict[Hashable, Any]:
    """The row of a folder's best score, with its path read as `read`, if the folder can be compared."""
    frame = load_results(as_location(folder), columns=["trial", "step", "objective", "status", "path", "task"])
    row = best_row(frame)
    scores = load_results(as_location(folder), table="trials", columns=["score_name"])["score_name"]
    for name, found, wanted in (("task", frame["task"], task), ("score_name", scores, score_name)):
        if wanted is not None and (others := sorted(set(found.dropna()) - {wanted})):
            raise ConfigError(
                f"search.warm_start: {folder} must have the {name} of this exploration, {wanted}, got {others[0]}; "
                "leave it out, scores of another one can't be compared"
            )
    try:
        path = Path.from_dict(json.loads(row["path"]))
    except ValueError as error:
        raise ResultsError(
            f"search.warm_start: {folder} holds a path that can't be read ({error}); leave it out"
        ) from error
    return row.to_dict() | {"read": path}
