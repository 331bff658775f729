"""Files that hold both sides of each pair: JSON lines, tab-separated values and Parquet.

A pair is a row with a source field and a target field. A dotted name such as `translation.de` selects a field within
another. Line breaks within a text become spaces. Left out: quotes in tab-separated files, which are part of the text.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from erpo_explore.errors import DataError
from erpo_explore.tasks.corpus import Pair
from erpo_explore.tasks.line_files import is_compressed, read_lines

__all__ = ["NAMED", "TABLES", "is_table", "read_table", "text_fields"]

TABLES: Final = ("jsonl", "tsv", "parquet")
"""Extensions of these files; the first two may be followed by `.gz`."""

NAMED: Final = ("source", "target")
"""Fields that need no choice. Two columns without a header have these names."""

_LINE_BREAKS: Final = re.compile(r"[\r\n]+")
_Row = Mapping[str, Any]


def is_table(file: Path) -> bool:
    """Whether the name of a file is that of a table."""
    return _format(file) in TABLES


def text_fields(file: Path, known: Sequence[str]) -> tuple[str, ...]:
    """Names of the fields that hold text, those within another field included; from the first row or the schema.

    Args:
        file: A table.
        known: Names by one of which the header of a tab-separated file is recognised.

    Raises:
        DataError: The file cannot be read.
    """
    match _format(file):
        case "tsv":
            cells = read_lines(file, limit=1)[0].split("\t")
            return _columns(file, cells, has_header=any(name in cells for name in (*NAMED, *known)))
        case "jsonl":
            return tuple(_text_names(_json_object(file, 1, read_lines(file, limit=1)[0])))
        case _:
            return tuple(_parquet_names(_parquet(file).schema_arrow))


def read_table(file: Path, source: str, target: str) -> tuple[Pair, ...]:
    """The pairs of a file.

    Args:
        file: A table.
        source: Field of the sources.
        target: Field of the targets.

    Raises:
        DataError: The file cannot be read, or a row has no text in one of the fields.
    """
    match _format(file):
        case "tsv":
            rows = _tsv_rows(file, source, target)
        case "jsonl":
            lines = enumerate(read_lines(file), start=1)
            rows = ((number, _json_object(file, number, line)) for number, line in lines)
        case _:
            rows = _parquet_rows(file, source, target)
    pairs = tuple((_text(file, number, row, source), _text(file, number, row, target)) for number, row in rows)
    if not pairs:
        raise DataError(f"{file}: has no row; add pairs")
    return pairs


def _format(file: Path) -> str:
    name = file.with_suffix("") if is_compressed(file) else file
    return name.suffix.removeprefix(".")


def _text(file: Path, number: int, row: _Row, name: str) -> str:
    """The text of a field, as one line.

    Raises:
        DataError: There is no such field, or it holds no text.
    """
    value: Any = row
    for part in (name,) if name in row else name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = ", ".join(_text_names(row)) or "none"
            raise DataError(
                f"{file}:{number}: must have the field {name}, has the text fields {known}; "
                "add it, or name others as source and target"
            )
        value = value[part]
    if not isinstance(value, str):
        found = "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
        raise DataError(f"{file}:{number}: field {name} must be text, got {found}; write text or remove the row")
    text = _LINE_BREAKS.sub(" ", value)
    if not text.strip():
        raise DataError(f"{file}:{number}: field {name} is empty; fill it or remove the row")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise DataError(f"{file}:{number}: field {name} has half of a surrogate pair; write the character itself")
    return text


def _text_names(row: _Row) -> list[str]:
    """Names of the fields of a row that hold text."""
    names = []
    for name, value in row.items():
        if isinstance(value, str):
            names.append(name)
        elif isinstance(value, Mapping):
            names += [f"{name}.{inner}" for inner, text in value.items() if isinstance(text, str)]
    return names


def _json_object(file: Path, number: int, line: str) -> _Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", error)
        raise DataError(f"{file}:{number}: is no JSON ({reason}); write one object per line") from error
    if not isinstance(row, dict):
        raise DataError(f"{file}:{number}: must be a JSON object, got {type(row).__name__}; write one object per line")
    return row


def _tsv_rows(file: Path, source: str, target: str) -> Iterator[tuple[int, _Row]]:
    """Rows by their line; a first row with both names is a header."""
    lines = read_lines(file)
    first = lines[0].split("\t")
    has_header = source in first and target in first
    columns = _columns(file, first, has_header=has_header)
    if not {source, target} <= set(columns):
        raise DataError(
            f"{file}:1: must name the columns {source} and {target}, has the cells {', '.join(first)[:60]!r}; "
            "add a row with names, or leave out source and target"
        )
    for number, line in enumerate(lines[has_header:], start=1 + has_header):
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise DataError(
                f"{file}:{number}: must have {len(columns)} columns separated by tabs, has {len(cells)}; "
                "remove tabs within the text"
            )
        yield number, dict(zip(columns, cells, strict=True))


def _columns(file: Path, first: Sequence[str], *, has_header: bool) -> tuple[str, ...]:
    """Names of the columns of a tab-separated file."""
    if not has_header and len(first) != 2:
        raise DataError(
            f"{file}:1: must have two columns separated by a tab, has {len(first)}; "
            "name the columns in the first row, and two of them as source and target"
        )
    return tuple(first) if has_header else NAMED


def _parquet(file: Path) -> Any:
    """An open Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file; train and valid must each have a file") from error
    except (OSError, pa.ArrowException) as error:
        raise DataError(_no_parquet(file, error)) from error


def _no_parquet(file: Path, error: Exception) -> str:
    return f"{file}: is no whole Parquet file ({' '.join(str(error).split())[:120]}); write it again, or rename it"


def _parquet_names(fields: Any) -> Iterator[str]:
    """Names of the fields of text."""
    import pyarrow as pa

    for field in fields:
        if pa.types.is_struct(field.type):
            yield from (f"{field.name}.{name}" for name in _parquet_names(field.type))
        else:
            of_values = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            if pa.types.is_string(of_values) or pa.types.is_large_string(of_values):
                yield field.name


def _parquet_rows(file: Path, source: str, target: str) -> Iterator[tuple[int, _Row]]:
    """Rows by their number, with the two fields alone."""
    import pyarrow as pa

    opened = _parquet(file)
    known = list(_parquet_names(opened.schema_arrow))
    for name in (source, target):
        if name not in known:
            raise DataError(
                f"{file}: must have the column of text {name}, has {', '.join(known) or 'none'}; "
                "name two columns as source and target"
            )
    number = 0
    try:
        for batch in opened.iter_batches(columns=[source, target]):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, pa.ArrowException) as error:
        raise DataError(_no_parquet(file, error)) from error
