"""Compaction: many small parts of a table become few large ones, sorted by key.

A journal is written first. Until it marks the merged parts as complete, an interrupted compaction is undone by deleting
the merged parts; afterwards it is finished by deleting the small ones. The next writer does so, and no row is lost or
duplicated. Until then rows may exist twice, and readers keep one per key.

Large parts stay as they are. So do parts with unknown columns, and parts that cannot be read.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import fs

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder
from erpo_explore.store.layout import JOURNAL, batch_name, batch_number
from erpo_explore.store.ordering import sorted_by_key
from erpo_explore.store.parts import Part, open_parts, part_files, read_parts, to_parquet
from erpo_explore.store.schema import Table

__all__ = ["compact_table", "recover"]

_MAX_ROWS: Final = 250_000
_MAX_BYTES: Final = 256_000_000
"""Upper limits of a merged part: rows, and encoded bytes."""

_LARGE_ROWS: Final = _MAX_ROWS // 2
_LARGE_BYTES: Final = 32_000_000
"""Lower limits of a part that stays as it is: rows, and bytes of its file."""


def compact_table(folder: Folder, table: Table) -> int:
    """Merge the small parts of a table.

    Args:
        folder: Folder of the table; no other process writes to it.
        table: The table.

    Returns:
        Number of merged parts.

    Raises:
        ResultsError: The folder cannot be written; no row is lost or duplicated then.
    """
    recover(folder)
    files = {entry.base_name: entry for entry in part_files(folder)}
    parts = [part for part in open_parts(folder, table, list(files)) if _is_small(part, files[part.name])]
    if len(parts) < 2:
        return 0
    first = 1 + max((batch_number(name) or 0 for name in files), default=0)
    journal: dict[str, Any] = {"parts": [part.name for part in parts], "first": first, "complete": False}
    _note(folder, journal)
    merged: list[str] = []
    for number, group in enumerate(_groups(parts)):
        rows, names = _read_group(folder, table, group)
        if names:
            folder.write(batch_name(first + number), to_parquet(table, sorted_by_key(rows, table.key)))
        merged += names
    _note(folder, journal | {"parts": merged, "complete": True})
    now = {entry.base_name: entry for entry in folder.entries()}
    for name in merged:
        # a part written since it was read is newer than the merged one: it stays, and readers prefer it
        if name in now and (now[name].size, now[name].mtime_ns) == (files[name].size, files[name].mtime_ns):
            folder.delete(name)
    folder.delete(JOURNAL)
    return len(merged)


def recover(folder: Folder) -> None:
    """Finish or undo a compaction that was killed.

    Raises:
        ResultsError: The journal is not from this store, or the folder cannot be written.
    """
    if not folder.has(JOURNAL):
        return
    try:
        journal = json.loads(folder.read(JOURNAL))
        parts, first, complete = [str(name) for name in journal["parts"]], int(journal["first"]), journal["complete"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{folder.location_of(JOURNAL)} is not a journal of a compaction; remove it, no row is lost by that"
        ) from error
    existing = [entry.base_name for entry in folder.entries()]
    merged = [name for name in existing if (batch_number(name) or 0) >= first]
    for name in set(existing) & set(parts) if complete else merged:
        folder.delete(name)
    folder.delete(JOURNAL)


def _note(folder: Folder, journal: dict[str, Any]) -> None:
    folder.write(JOURNAL, json.dumps(journal).encode(), remedy="compact again")


def _is_small(part: Part, file: fs.FileInfo) -> bool:
    rows = part.fragment.metadata.num_rows
    return not part.unknown and rows < _LARGE_ROWS and file.size < _LARGE_BYTES


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts to merge into one, in order."""
    group: list[Part] = []
    num_rows = num_bytes = 0
    for part in parts:
        group.append(part)
        metadata = part.fragment.metadata
        num_rows += metadata.num_rows
        num_bytes += sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
        if num_rows >= _MAX_ROWS or num_bytes >= _MAX_BYTES:
            yield group
            group, num_rows, num_bytes = [], 0, 0
    if group:
        yield group


def _read_group(folder: Folder, table: Table, parts: Sequence[Part]) -> tuple[pa.Table, list[str]]:
    """Rows of all parts, and the names of the parts; damaged ones are left out."""
    columns = table.schema.names
    rows = read_parts(folder, table, parts, columns)
    if rows.num_rows == sum(part.fragment.metadata.num_rows for part in parts):
        return rows, [part.name for part in parts]
    if len(parts) == 1:
        return rows.slice(0, 0), []
    read = [_read_group(folder, table, [part]) for part in parts]
    return pa.concat_tables([rows for rows, _ in read]), [name for _, names in read for name in names]
