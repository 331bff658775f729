"""Where things lie in `results/<exploration>/`: file names as pure functions of keys, and keys of file names.

A part of one key is named by it, so writing the same rows again replaces the part instead of doubling it, and a reader
that wants some trials opens only theirs. A part of several keys, a batch, is numbered.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from erpo_explore.store.schema import Table

__all__ = [
    "BEST_PATH",
    "JOURNAL",
    "MANIFEST",
    "REPLAY_PAGE",
    "REPLAY_TABLE",
    "REPORT",
    "SUFFIX",
    "PartKey",
    "batch_name",
    "batch_number",
    "key_of",
    "part_key",
    "part_name",
]

MANIFEST: Final = "exploration.yaml"
BEST_PATH: Final = "best_path.yaml"
REPORT: Final = "report.html"
REPLAY_TABLE: Final = "replay.csv"
REPLAY_PAGE: Final = "replay.md"
SUFFIX: Final = ".parquet"
JOURNAL: Final = ".compacting.json"
"""What a compaction is about to do, in the folder of its table."""

_PART: Final = "trial-"
_BATCH: Final = "rows-"

PartKey = tuple[str, int]
"""Trial and count (iteration or generation); the count is 0 in a table whose parts are of trials alone."""


def part_key(table: Table, row: Mapping[str, Any]) -> PartKey:
    """The key of the part that a row belongs to; only the table's `part_key` is read."""
    trial, *counts = (row[name] for name in table.part_key)
    return str(trial), int(counts[0]) if counts else 0


def part_name(table: Table, key: PartKey) -> str:
    """Name of the part of one key, such as `trial-a1-000003.parquet`.

    Trial names are percent-encoded, so that any name is a file name and no two share one.
    """
    trial, count = key
    counted = f"-{count:06d}" if len(table.part_key) > 1 else ""
    return f"{_PART}{quote(trial, safe='')}{counted}{SUFFIX}"


def key_of(table: Table, name: str) -> PartKey | None:
    """The key that a part is named by; None for a batch, or a file of somebody else."""
    if not (name.startswith(_PART) and name.endswith(SUFFIX)):
        return None
    stem, count = name.removeprefix(_PART).removesuffix(SUFFIX), "0"
    if len(table.part_key) > 1:
        stem, _, count = stem.rpartition("-")
    if not (count.isascii() and count.isdigit()):
        return None
    key = (unquote(stem), int(count))
    return key if part_name(table, key) == name else None


def batch_name(number: int) -> str:
    """Name of a batch, such as `rows-000007.parquet`; a later one has a higher number."""
    return f"{_BATCH}{number:06d}{SUFFIX}"


def batch_number(name: str) -> int | None:
    """The number of a batch; None for any other file."""
    digits = name.removeprefix(_BATCH).removesuffix(SUFFIX)
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if batch_name(int(digits)) == name else None
