"""Renamed columns and values, and derived ones: maps parts of older versions to those of today.

Only this module knows an older name. A rename adds one line here; parts on disk stay as they are.
Left out: added and widened columns, which `parts` fills with nulls and casts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "DERIVED_COLUMNS",
    "RENAMED_COLUMNS",
    "RENAMED_VALUES",
    "current_field",
    "current_name",
    "older_field",
    "older_name",
    "upgrade",
]

RENAMED_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {"dot": "algorithm", "valid_nll_nats": "validation_nll_nats"}
)
"""Older column name → name today."""

RENAMED_VALUES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"role": {"dot": "algorithm"}, "split": {"valid": "validation"}, "model": {"own": "custom"}}
)
"""Column (name today) → older value → value today."""

DERIVED_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({"objective": "score"})
"""Column that older versions did not write → column that has its values in their parts."""

_Values = TypeVar("_Values", pc.Expression, pa.ChunkedArray)

_OLDER_NAMES: Final = {current: older for older, current in RENAMED_COLUMNS.items()}


def current_name(name: str) -> str:
    """Name of a column today.

    >>> current_name("dot"), current_name("score")
    ('algorithm', 'score')
    """
    return RENAMED_COLUMNS.get(name, name)


def older_name(name: str) -> str:
    """Name of a column before the renames.

    >>> older_name("algorithm"), older_name("score")
    ('dot', 'score')
    """
    return _OLDER_NAMES.get(name, name)


def current_field(name: str) -> pc.Expression:
    """Expression of a column in a part with today's column names, with today's values.

    Such a part may hold older values: where a table has no renamed column, its schema does not show the version.
    """
    return _current_values(_derived(pc.field(name), name), name)


def older_field(name: str) -> pc.Expression:
    """Expression of a column, by its name today, in a part with the column names before the renames."""
    return _current_values(_derived(pc.field(older_name(name)), name), name)


def upgrade(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rename the columns and values of rows of any version to those of today, and add the derived ones.

    Args:
        rows: Rows of any version.
        schema: Columns of the table today.
    """
    names = set(rows.column_names)
    # where both names exist, the older one is an unknown column and stays
    rows = rows.rename_columns(
        [name if current_name(name) in names else current_name(name) for name in rows.column_names]
    )
    for name, origin in DERIVED_COLUMNS.items():
        if name in schema.names and name not in rows.column_names and origin in rows.column_names:
            rows = rows.append_column(name, rows[origin])
    for name in RENAMED_VALUES:
        at = rows.schema.get_field_index(name)
        if at >= 0 and pa.types.is_string(rows.schema.field(at).type):
            rows = rows.set_column(at, rows.schema.field(at), _current_values(rows[name], name))
    return rows


def _derived(field: pc.Expression, name: str) -> pc.Expression:
    """The column, or where a part has none, the one that it derives from."""
    return pc.coalesce(field, pc.field(DERIVED_COLUMNS[name])) if name in DERIVED_COLUMNS else field


def _current_values(values: _Values, name: str) -> _Values:
    for older, current in RENAMED_VALUES.get(name, {}).items():
        values = pc.if_else(pc.equal(values, older), current, values)
    return values
