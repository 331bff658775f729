"""Conversion of rows to a pyarrow table, with a check of every value against its column.

A row that does not fit is a bug of the caller, not of the user: it raises ValueError, with its traceback. Only int is
coerced, to float. A text "3" is not a number, True is not 1, and a time without a zone is refused.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isinf, isnan
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from erpo_explore.store.columns import Column
from erpo_explore.store.schema import TABLES, Table

__all__ = ["find_table", "rows_to_arrow", "to_json"]

_INT64: Final = range(-(2**63), 2**63)

_PLAIN_TYPES: Final = MappingProxyType({pa.string(): str, pa.int64(): int, pa.float64(): float, pa.bool_(): bool})
"""Python types whose values are checked together, not one by one."""


def to_json(value: object) -> str:
    """Encode a value of a JSON column without blanks, since paths are half of a frame's memory.

    >>> to_json({"clock": "step", "knots": []})
    '{"clock":"step","knots":[]}'
    """
    return json.dumps(value, separators=(",", ":"))


def find_table(name: str) -> Table:
    """Look up a table by its name.

    Raises:
        ValueError: The store has no table of that name.
    """
    if name not in TABLES:
        raise ValueError(f"table must be one of {', '.join(TABLES)}, got {name!r}")
    return TABLES[name]


def rows_to_arrow(table: Table, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Check rows against their table and convert them to columns.

    Args:
        table: Table of the rows.
        rows: One mapping per row; a nullable column may be missing.

    Returns:
        The rows, in their order, with exactly the table's schema.

    Raises:
        ValueError: An unknown column, a missing or ill-typed value, or a duplicate key. The message names the table,
            the column and the value.
    """
    known = {column.name for column in table.columns}
    for row in rows:
        if not row.keys() <= known:
            unknown = min(row.keys() - known)
            raise ValueError(f"{table.name}: unknown column {unknown!r}; known are {', '.join(sorted(known))}")
    columns = {column.name: [row.get(column.name) for row in rows] for column in table.columns}
    arrays = [_checked_array(table, column, columns[column.name]) for column in table.columns]
    _check_keys(table, columns)
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _checked_array(table: Table, column: Column, values: Sequence[object]) -> pa.Array:
    """Checked values of a column: together where they have the plain Python type, else one by one."""
    array = _plain_array(column, values)
    if array is not None:
        return array
    for value in values:
        _check_value(table, column, value)
    return pa.array([_plain(column, value) for value in values], column.type)


def _plain_array(column: Column, values: Sequence[object]) -> pa.Array | None:
    """Values that a check of all together finds legal; None where it cannot."""
    kinds = set(map(type, values))
    if column.nullable:
        kinds.discard(type(None))
    if not kinds <= {_PLAIN_TYPES.get(column.type)}:
        return None
    if column.choices and not set(values) <= {None, *column.choices}:
        return None
    try:
        array = pa.array(values, column.type)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return None
    if column.type == pa.float64() and not (column.inf and column.nan):
        finite = pc.all(pc.is_finite(array), min_count=0).as_py()
        return array if finite else None
    return array


def _check_value(table: Table, column: Column, value: object) -> None:
    """Raise unless the value is legal in its column."""
    if value is None:
        if not column.nullable:
            raise ValueError(f"{table.name}.{column.name} must not be null: {column.meaning}")
        return
    if requirement := _broken_requirement(column, value):
        raise ValueError(f"{table.name}.{column.name} must be {requirement}, got {value!r}")


def _broken_requirement(column: Column, value: object) -> str | None:
    """Requirement that the value breaks; None where it breaks none."""
    if pa.types.is_string(column.type):
        return _broken_text(column, value)
    if pa.types.is_timestamp(column.type):
        aware = (
            isinstance(value, datetime) and value == value and value.tzinfo is not None
        )  # NaT is a datetime != itself
        return None if aware else "a datetime with a time zone"
    if pa.types.is_list(column.type):
        return None if _is_finite_vector(value) else "a vector of finite floats"
    if pa.types.is_boolean(column.type):
        return None if isinstance(value, bool) else "true or false"
    if pa.types.is_integer(column.type):
        whole = isinstance(value, Integral) and not isinstance(value, bool) and int(value) in _INT64
        return None if whole else "a whole number of 64 bits"
    return _broken_float(column, value)


def _is_finite_vector(value: object) -> bool:
    if not isinstance(value, list | np.ndarray):
        return False
    vector = np.asarray(value)
    return vector.ndim == 1 and np.issubdtype(vector.dtype, np.floating) and bool(np.isfinite(vector).all())


def _broken_text(column: Column, value: object) -> str | None:
    """Requirement that the text breaks; None where it breaks none."""
    if not isinstance(value, str):
        return "text"
    if column.choices and value not in column.choices:
        return f"one of {', '.join(column.choices)}"
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, as in a file name that was not UTF-8
        return "text that UTF-8 can hold"
    return None


def _broken_float(column: Column, value: object) -> str | None:
    """Requirement that the float breaks; None where it breaks none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return "a number"
    if isnan(value) and not column.nan:
        return "a number that is not NaN"
    if isinf(value) and not column.inf:
        return "a finite number"
    return None


def _check_keys(table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Raise when a key is negative, empty or duplicate."""
    for name in table.key:
        for value in columns[name]:
            if value == "" or (not isinstance(value, str) and value < 0):
                raise ValueError(f"{table.name}.{name} is a key and must be non-empty and >= 0, got {value!r}")
    keys = list(zip(*(columns[name] for name in table.key), strict=True))
    if len(set(keys)) < len(keys):
        key, _ = Counter(keys).most_common(1)[0]
        raise ValueError(f"{table.name}: the key {dict(zip(table.key, key, strict=True))} occurs twice")


def _plain(column: Column, value: object) -> object:
    """Convert to a plain Python number, since pyarrow refuses some NumPy scalars."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value) if pa.types.is_integer(column.type) else float(value)
    if isinstance(value, Real):
        return float(value)
    return value
