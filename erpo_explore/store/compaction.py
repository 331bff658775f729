"""Compaction: many small parts of a table become few large ones, sorted by key.

A journal is written first. When it says that the merged parts are complete, what is left to do is to delete the small
ones; before that, to delete the merged ones. So a compaction that was killed is finished or undone by the next writer,
and no row is lost or doubled. Until then rows may lie twice, and readers take one a key.

Parts that are large enough stay, and so do those that this version does not know all columns of, or cannot read.
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

_MOST_ROWS: Final = 250_000
_MOST_BYTES: Final = 256_000_000
"""Of a merged part: rows, and bytes as they are encoded."""

_ENOUGH_ROWS: Final = _MOST_ROWS // 2
_ENOUGH_BYTES: Final = 32_000_000
"""Of a part that is left as it is, in its file."""


def compact_table(folder: Folder, table: Table) -> int:
    """Merge the small parts of a table.

    Args:
        folder: Of the table; nobody else writes to it.
        table: What its rows are.

    Returns:
        How many parts were merged.

    Raises:
        ResultsError: the folder cannot be written; nothing is lost or doubled then.
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
        # one that was written since it was read is newer than what was merged: it stays, and readers prefer it
        if name in now and (now[name].size, now[name].mtime_ns) == (files[name].size, files[name].mtime_ns):
            folder.delete(name)
    folder.delete(JOURNAL)
    return len(merged)


def recover(folder: Folder) -> None:
    """Finish or undo a compaction that was killed.

    Raises:
        ResultsError: the journal is none of ours, or the folder cannot be written.
    """
    if not folder.has(JOURNAL):
        return
    try:
        journal = json.loads(folder.read(JOURNAL))
        parts, first, complete = [str(name) for name in journal["parts"]], int(journal["first"]), journal["complete"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{folder.location_of(JOURNAL)} is no journal of a compaction; remove it, no row is lost by that"
        ) from error
    there = [entry.base_name for entry in folder.entries()]
    merged = [name for name in there if (batch_number(name) or 0) >= first]
    for name in set(there) & set(parts) if complete else merged:
        folder.delete(name)
    folder.delete(JOURNAL)


def _note(folder: Folder, journal: dict[str, Any]) -> None:
    folder.write(JOURNAL, json.dumps(journal).encode(), remedy="compact again")


def _is_small(part: Part, file: fs.FileInfo) -> bool:
    rows = part.fragment.metadata.num_rows
    return not part.unknown and rows < _ENOUGH_ROWS and file.size < _ENOUGH_BYTES


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts whose rows are to lie in one, in order."""
    group: list[Part] = []
    num_rows = num_bytes = 0
    for part in parts:
        group.append(part)
        metadata = part.fragment.metadata
        num_rows += metadata.num_rows
        num_bytes += sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
        if num_rows >= _MOST_ROWS or num_bytes >= _MOST_BYTES:
            yield group
            group, num_rows, num_bytes = [], 0, 0
    if group:
        yield group


def _read_group(folder: Folder, table: Table, parts: Sequence[Part]) -> tuple[pa.Table, list[str]]:
    """Rows of all parts, and the parts' names; without those that turn out to be damaged."""
    columns = table.schema.names
    rows = read_parts(folder, table, parts, columns)
    if rows.num_rows == sum(part.fragment.metadata.num_rows for part in parts):
        return rows, [part.name for part in parts]
    if len(parts) == 1:
        return rows.slice(0, 0), []
    read = [_read_group(folder, table, [part]) for part in parts]
    return pa.concat_tables([rows for rows, _ in read]), [name for _, names in read for name in names]
