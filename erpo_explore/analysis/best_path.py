"""The path that reached the best score of a results folder."""

import json

from erpo_explore.errors import ResultsError
from erpo_explore.space import Path
from erpo_explore.store import best_row, load_results
from erpo_explore.store.files import Location

__all__ = ["best_path"]


def best_path(folder: Location, *, role: str | None = None) -> Path:
    """Read the path of the weights with the best validation score.

    The score is that of a single seed. `erpo-explore replay` tests whether the path is better than others.

    Args:
        folder: Results folder, a path or a URI.
        role: Consider only trials of this role, such as "member"; None for all.

    Raises:
        ResultsError: The folder holds no exploration, or no score yet.
    """
    frame = load_results(folder, columns=["trial", "role", "step", "objective", "status", "path"])
    if role is not None:
        frame = frame[frame["role"] == role]
        if frame.empty:
            raise ResultsError(f"results folder {folder} has no trial of role {role!r}")
    return Path.from_dict(json.loads(best_row(frame)["path"]))
