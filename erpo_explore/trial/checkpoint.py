"""A run's state in a folder: written as a whole, and read as data that is never executed."""

from pathlib import Path
from typing import Any, Final

import torch

from erpo_explore.config.init_from import CHECKPOINT_FILE
from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder, Location

__all__ = ["BYTES_PER_COPY", "BYTES_PER_PARAMETER", "load_checkpoint", "save_checkpoint"]

BYTES_PER_PARAMETER: Final = 12
"""Size of a checkpoint: the parameter and Adam's two moments, 4 bytes each."""

BYTES_PER_COPY: Final = 4
"""Size of each further copy of a parameter, for an average."""

_PARTS: Final = frozenset(
    {
        "trial",
        "attempt",
        "model",
        "optimizer",
        "weights_generator",
        "draws_generator",
        "schedule",
        "step",
        "elapsed_s",
        "longest_interval_s",
        "vocabulary",
        "average",
        "anchors",
    }
)

_ADDED: Final = {"vocabulary": None, "average": None, "anchors": None}
"""Parts that older checkpoints lack, and their value then."""

_RENAMED: Final = {"walk": "schedule"}
"""Parts of older checkpoints, and their names today."""


def save_checkpoint(state: dict[str, Any], folder: Path) -> None:
    """Write a state to a temporary file, then rename it, so that a folder holds a whole state or none.

    Raises:
        ResultsError: The disk is full or the folder cannot be written.
    """
    aside = folder / f".{CHECKPOINT_FILE}.tmp"
    try:
        torch.save(state, aside)
        aside.replace(folder / CHECKPOINT_FILE)
    # torch reports a full disk as a RuntimeError of its zip writer
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise ResultsError(f"checkpoint {folder}: cannot be written ({error}); free some space, then resume") from error


def load_checkpoint(folder: Location) -> dict[str, Any]:
    """Read a state into CPU memory; only tensors and plain values are accepted.

    Args:
        folder: A path or a URI.

    Raises:
        ResultsError: The folder has no state, or its file is truncated or of another program.
    """
    within = Folder.at(folder)
    file = within.location_of(CHECKPOINT_FILE)
    if not within.has(CHECKPOINT_FILE):
        raise ResultsError(f"checkpoint {folder}: has no {CHECKPOINT_FILE}; name a folder that a trial has written")
    try:
        with within.open(CHECKPOINT_FILE) as stream:
            state = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a truncated or hostile file can raise anything; the remedy is the same
        reason = str(error).splitlines()[0].partition(". ")[0] if str(error) else type(error).__name__
        raise ResultsError(
            f"checkpoint {file}: cannot be read as a state of tensors ({reason}); restore it from a copy, or use "
            "another trial"
        ) from error
    if isinstance(state, dict):
        state = _ADDED | {_RENAMED.get(part, part): value for part, value in state.items()}
    if not isinstance(state, dict) or set(state) != _PARTS:
        raise ResultsError(f"checkpoint {file}: is not a training state; expected {', '.join(sorted(_PARTS))}")
    return state
