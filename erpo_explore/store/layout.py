"""File names in `results/<exploration>/`: constants, and names of parts as pure functions of their keys.

A part with one key is named after it. Writing the same rows again replaces the part, and a reader of some trials opens
only their parts. A part with several keys, a batch, has a number.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from erpo_explore.store.schema import Table

__all__ = [
    "BEST_PATH",
    "CHECKPOINTS",
    "EXPERIMENT",
    "JOURNAL",
    "MANIFEST",
    "REPLAY_PAGE",
    "REPLAY_TABLE",
    "REPORT",
    "SUFFIX",
    "VOCABULARY",
    "PartKey",
    "batch_name",
    "batch_number",
    "key_of",
    "part_key",
    "part_name",
]

MANIFEST: Final = "exploration.yaml"
EXPERIMENT: Final = "experiment.yaml"
"""The experiment as a user would write it, to copy and change; nothing reads it here."""
BEST_PATH: Final = "best_path.yaml"
CHECKPOINTS: Final = "checkpoints"
"""Folder for Ray Tune's snapshots and the trials' checkpoints."""
REPORT: Final = "report.html"
REPLAY_TABLE: Final = "replay.csv"
REPLAY_PAGE: Final = "replay.md"
SUFFIX: Final = ".parquet"
VOCABULARY: Final = "vocabulary.json"
"""The vocabularies of the task, without which token ids mean nothing."""
JOURNAL: Final = ".compacting.json"
"""Journal of a running compaction, in the folder of its table."""

_PART: Final = "trial-"
_BATCH: Final = "rows-"

PartKey = tuple[str, int]
"""Trial and count (iteration or generation); the count is 0 in a table with one part per trial."""


def part_key(table: Table, row: Mapping[str, Any]) -> PartKey:
    """Key of the part that a row belongs to; reads only the columns of the table's `part_key`."""
    trial, *counts = (row[name] for name in table.part_key)
    return str(trial), int(counts[0]) if counts else 0


def part_name(table: Table, key: PartKey) -> str:
    """Name of the part of one key, such as `trial-a1-000003.parquet`.

    Trial names are percent-encoded, so that every name is a valid and distinct file name.
    """
    trial, count = key
    counted = f"-{count:06d}" if len(table.part_key) > 1 else ""
    return f"{_PART}{quote(trial, safe='')}{counted}{SUFFIX}"


def key_of(table: Table, name: str) -> PartKey | None:
    """Key that a part is named after; None for a batch or any other file."""
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
    """Name of a batch, such as `rows-000007.parquet`; later batches have higher numbers."""
    return f"{_BATCH}{number:06d}{SUFFIX}"


def batch_number(name: str) -> int | None:
    """Number of a batch; None for any other file."""
    digits = name.removeprefix(_BATCH).removesuffix(SUFFIX)
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if batch_name(int(digits)) == name else None
