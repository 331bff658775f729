"""Parquet parts of a table: listing, reading and encoding.

Readers never write. A damaged file is named in a warning and left out; the others are still read.
"""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder
from erpo_explore.store.filters import RowFilter
from erpo_explore.store.layout import SUFFIX, batch_number
from erpo_explore.store.schema import Table
from erpo_explore.store.versions import current_field, current_name, older_field, older_name, upgrade

__all__ = ["Part", "open_parts", "part_files", "read_parts", "to_parquet"]

_READERS: Final = 8
_SMALL: Final = 100
_GROUP_ROWS: Final = 50_000
_GROUP_BYTES: Final = 64_000_000
_FORMAT: Final = ds.ParquetFileFormat()


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is a part of its table.

    Attributes:
        name: Name of the file.
        fragment: Rows of the file, not yet read.
        unknown: Columns that the table does not have.
    """

    name: str
    fragment: ds.ParquetFileFragment
    unknown: tuple[str, ...]


def part_files(folder: Folder) -> list[fs.FileInfo]:
    """List the files of a table's folder that may be parts, the oldest rows first.

    Of a row that is in two files, the last one counts. Batches come first, by number. The parts of one key follow: they
    were either merged into a batch or written later. Hidden files belong to a writer or to the desktop.
    """
    visible = [entry for entry in folder.entries() if not entry.base_name.startswith(".")]
    for entry in visible:
        if not _may_be_part(entry):
            warnings.warn(f"{folder.location_of(entry.base_name)} is not a part of the results, left out", stacklevel=3)
    return sorted(filter(_may_be_part, visible), key=lambda entry: _age(entry.base_name))


def _may_be_part(entry: fs.FileInfo) -> bool:
    return bool(entry.type == fs.FileType.File and entry.base_name.endswith(SUFFIX))


def _age(name: str) -> tuple[bool, int, str]:
    number = batch_number(name)
    return number is None, number or 0, name


def open_parts(folder: Folder, table: Table, names: Sequence[str]) -> list[Part]:
    """Read the schemas of files; a file that is not a part of the table is named in a warning.

    Raises:
        FileNotFoundError: A file has disappeared since it was listed, because small parts are being merged.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        opened = list(pool.map(lambda name: _open_part(folder, table, name), names))
    for problem in opened:
        if isinstance(problem, str):
            warnings.warn(problem, stacklevel=3)
    parts = [part for part in opened if isinstance(part, Part)]
    if newer := [part for part in parts if part.unknown]:
        warnings.warn(
            f"{folder.location_of(newer[0].name)} has a column that this version does not know, "
            f"{newer[0].unknown[0]!r}, and so have {len(newer) - 1} other parts; it is left out, "
            "upgrade erpo_explore to read it",
            stacklevel=3,
        )
    return parts


def _open_part(folder: Folder, table: Table, name: str) -> Part | str:
    """Open a part, or return the reason why it is none."""
    try:
        fragment = _FORMAT.make_fragment(folder.path_of(name), folder.filesystem)
        found = fragment.physical_schema
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        return f"{folder.location_of(name)} cannot be read, left out: {_first_line(error)}"
    names = {current_name(name) for name in found.names}
    missing = [field.name for field in table.schema if not field.nullable and field.name not in names]
    if missing:
        return f"{folder.location_of(name)} is not a part of {table.name}, left out: it has no column {missing[0]!r}"
    return Part(name, fragment, tuple(sorted(names - set(table.schema.names))))


def read_parts(
    folder: Folder, table: Table, parts: Sequence[Part], columns: Sequence[str], rows: RowFilter | None = None
) -> pa.Table:
    """Read parts, one after the other.

    Args:
        folder: Folder of the table.
        table: The table.
        parts: Parts to read.
        columns: Names of the columns, in this order.
        rows: Filter of rows; None for all.

    Returns:
        Rows in the table's schema, whatever version wrote them.

    Raises:
        FileNotFoundError: A file has disappeared since it was listed.
    """
    schema = pa.schema([table.schema.field(name) for name in columns])
    read = [schema.empty_table()]
    for scan, some in groupby(parts, key=lambda part: _scan_of(table, part)):
        group = list(some)
        try:
            if scan is not None:
                read.append(scan(folder, table, group, columns, rows))
                continue
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException):
            pass  # one of them is damaged: read each by itself to find out which
        tables = [_read_part(folder, table, part, columns, rows) for part in group]
        read += [each for each in tables if each is not None]
    return pa.concat_tables([each.cast(schema) for each in read])


def _scan_of(table: Table, part: Part) -> "_Scan | None":
    """How to read a part together with others; None where it has a column of neither generation.

    A column that an older version did not write is read as nulls.
    """
    found = set(part.fragment.physical_schema)
    return next((scan for scan in _SCANS if found <= set(scan.schema(table))), None)


@dataclass(frozen=True, slots=True)
class _Scan:
    """Reads parts of one schema together, with columns and rows pushed down to Parquet.

    Attributes:
        is_older: Whether their columns have the names before the renames of `versions`.
    """

    is_older: bool

    def schema(self, table: Table) -> pa.Schema:
        if not self.is_older:
            return table.schema
        return pa.schema([field.with_name(older_name(field.name)) for field in table.schema])

    def __call__(
        self, folder: Folder, table: Table, parts: Sequence[Part], columns: Sequence[str], rows: RowFilter | None
    ) -> pa.Table:
        data = ds.FileSystemDataset([part.fragment for part in parts], self.schema(table), _FORMAT, folder.filesystem)
        field = older_field if self.is_older else current_field
        expression = None if rows is None else rows.older if self.is_older else rows.current
        # a disk gains nothing from more parts under way at a time, which take memory; a remote store does
        ahead = {"fragment_readahead": 1, "batch_readahead": 1} if folder.is_local else {}
        wanted = {name: field(name) for name in columns}
        return data.to_table(columns=wanted, filter=expression, memory_pool=pa.system_memory_pool(), **ahead)


_SCANS: Final = (_Scan(is_older=False), _Scan(is_older=True))


def _read_part(
    folder: Folder, table: Table, part: Part, columns: Sequence[str], rows: RowFilter | None
) -> pa.Table | None:
    """Read one part; None, with a warning, where it is damaged or of another table."""
    try:
        found = part.fragment.to_table()
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        warnings.warn(f"{folder.location_of(part.name)} cannot be read, left out: {_first_line(error)}", stacklevel=4)
        return None
    try:
        whole = _conform(upgrade(found, table.schema), table.schema)
    except (ValueError, pa.ArrowException) as error:
        message = f"{folder.location_of(part.name)} is not a part of {table.name}, left out: {_first_line(error)}"
        warnings.warn(message, stacklevel=4)
        return None
    return (whole if rows is None else whole.filter(rows.current)).select(list(columns))


def _conform(part: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring a part to the table's schema; columns that an older version did not write are null."""
    for field in schema:
        if field.name not in part.column_names:
            part = part.append_column(field.name, pa.nulls(part.num_rows, field.type))
    for field in schema:
        if not field.nullable and part[field.name].null_count:
            raise ValueError(f"its column {field.name!r} has nulls")
    return part.select(schema.names).cast(schema)


def to_parquet(table: Table, rows: pa.Table) -> bytes:
    """Encode rows as a Parquet file.

    Repeated texts are stored once (dictionary encoding). Statistics of the keys let a reader of one trial skip row
    groups. In a part with few rows both only take space.

    Raises:
        ResultsError: Parquet cannot hold the rows. Rows of `rows_to_arrow` never raise.
    """
    sink = pa.BufferOutputStream()
    small = rows.num_rows < _SMALL
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    row_bytes = max(1, rows.nbytes // max(1, rows.num_rows))
    try:
        pq.write_table(
            rows,
            sink,
            use_dictionary=False if small else texts,
            write_statistics=False if small else list(table.key),
            row_group_size=max(1, min(_GROUP_ROWS, _GROUP_BYTES // row_bytes)),
        )
    except pa.ArrowException as error:
        raise ResultsError(f"{table.name}: rows cannot be written as Parquet: {_first_line(error)}") from error
    return bytes(sink.getvalue())


def _first_line(error: Exception) -> str:
    """First line of an error; pyarrow's messages have many."""
    return (str(error).splitlines() or [type(error).__name__])[0]
