"""Where things lie in `results/<exploration>/`: file and folder names as pure functions of keys.

A part's name is its key, so writing the same rows again replaces a part instead of doubling it, and a reader that
wants some trials opens only their parts.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from erpo_explore.store.schema import Table

__all__ = ["MANIFEST", "SUFFIX", "is_part_of", "manifest_path", "part_path"]

MANIFEST = "exploration.yaml"
SUFFIX = ".parquet"


def manifest_path(folder: Path) -> Path:
    """Where an exploration's space, seed and versions are kept."""
    return folder / MANIFEST


def part_path(folder: Path, table: Table, row: Mapping[str, object]) -> Path:
    """Where the part that holds a row lies.

    Args:
        folder: The exploration's folder.
        table: The row's table.
        row: Any row of the part; only its `part_key` is read.

    Returns:
        Such as `observations/trial-a1-000003.parquet`. Trial names are percent-encoded, so that any name is a file
        name and no two share one.
    """
    trial, *counts = (row[name] for name in table.part_key)
    return folder / table.name / ("-".join([_stem(str(trial)), *(f"{count:06d}" for count in counts)]) + SUFFIX)


def is_part_of(name: str, table: Table, trial: str) -> bool:
    """Whether a part's file name says that it holds rows of a trial."""
    if not (name.endswith(SUFFIX) and name.startswith(_stem(trial))):
        return False
    counts = name[len(_stem(trial)) : -len(SUFFIX)]
    return counts == "" if len(table.part_key) == 1 else counts.startswith("-") and counts[1:].isdigit()


def _stem(trial: str) -> str:
    """The leading part of the file names of a trial."""
    return f"trial-{quote(trial, safe='')}"
