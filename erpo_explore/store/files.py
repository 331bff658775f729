"""The one place where the store touches a file system.

Every write goes aside and is renamed, so a reader sees the old file or the new one, never half of one. Local folders
only, for now: an fsspec file system would replace the functions of this module and nothing else.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from erpo_explore.errors import ResultsError

__all__ = ["free_bytes", "make_folder", "write_aside"]


def write_aside(path: Path, content: bytes, *, remedy: str = "continue with `erpo-explore resume`") -> None:
    """Write a whole file under a temporary name beside it, flush it to the disk, then rename it.

    Args:
        path: The file to write or replace; its folder exists.
        content: All of its bytes.
        remedy: What the user does once the disk has room again.

    Raises:
        ResultsError: the disk is full or the folder cannot be written; what was there before is untouched.
    """
    aside = path.with_name(f".part-{uuid4().hex}.tmp")
    try:
        with aside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; free some space or mend the folder, then {remedy}"
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        ResultsError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(
            f"cannot make the folder {folder}: {error.strerror or error}; choose another one with --results"
        ) from error


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds a folder, which need not exist yet."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
