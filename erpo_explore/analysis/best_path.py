"""The results folder as values of the space: its frame, and the path that reached the best score in it."""

import json

from erpo_explore.errors import ResultsError
from erpo_explore.space import Path
from erpo_explore.store import best_row, load_results
from erpo_explore.store.files import Location

__all__ = ["best_path"]


def best_path(folder: Location, *, role: str | None = None) -> Path:
    """The path walked by the weights that reached the best valid score.

    One score of one seed says little; `erpo-explore replay` says whether the path is better than others.

    Args:
        folder: A results folder, a path or a URI.
        role: Only look at trials of this role, e.g. "member"; None for all.

    Raises:
        ResultsError: The folder holds no exploration, or no score yet.
    """
    frame = load_results(folder, columns=["trial", "role", "step", "score", "status", "path"])
    if role is not None:
        frame = frame[frame["role"] == role]
        if frame.empty:
            raise ResultsError(f"results folder {folder} has no trial of role {role!r}")
    return Path.from_dict(json.loads(best_row(frame)["path"]))
