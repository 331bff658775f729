"""Row filters as expressions that pyarrow pushes down to Parquet.

Filters have the form of pandas and pyarrow: `[("score", ">", 30), ("algorithm", "in", ["mle", "spg"])]`, all of which
must hold. Of a list of such lists, one must hold.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from numbers import Integral
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from erpo_explore.store.schema import Table
from erpo_explore.store.versions import current_field, older_field

__all__ = ["Filters", "RowFilter", "row_filter"]

Filters = Sequence[Any]
"""Conditions (column, comparison, value), or lists of them. They are written by hand, so they are checked."""

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        "=": operator.eq,
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)
_MEMBERSHIPS: Final = ("in", "not in")


Field = Callable[[str], ds.Expression]
"""A column of a part, by its name of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """A condition on rows, for parts of either generation of column names.

    Attributes:
        current: For parts with the names of today.
        older: For parts with the names before the renames of `versions`.
    """

    current: ds.Expression
    older: ds.Expression


def row_filter(table: Table, trials: Sequence[str] | None, filters: Filters | None) -> RowFilter | None:
    """Select the rows of some trials that meet conditions.

    Args:
        table: The table that is filtered.
        trials: Names of trials; None for all.
        filters: Conditions; None for none.

    Returns:
        What pyarrow pushes down to Parquet; None for all rows. A null meets no condition.

    Raises:
        ValueError: An unknown column or comparison, or a value that its column cannot hold.
    """
    if trials is None and filters is None:
        return None
    return RowFilter(
        current=_expression(table, trials, filters, current_field),
        older=_expression(table, trials, filters, older_field),
    )


def _expression(table: Table, trials: Sequence[str] | None, filters: Filters | None, field: Field) -> ds.Expression:
    wanted = []
    if trials is not None:
        wanted.append(field("trial").isin(pa.array(list(trials), pa.string())))
    if filters is not None:
        wanted.append(reduce(operator.or_, [_all_of(table, group, field) for group in _groups(filters)]))
    return reduce(operator.and_, wanted)


def _groups(filters: Filters) -> list[list[Any]]:
    if len(filters) == 0 or any(each == [] for each in filters):
        raise ValueError("filters must hold a condition such as ('score', '>', 30); leave it out to load all rows")
    return list(filters) if all(isinstance(each, list) for each in filters) else [list(filters)]


def _all_of(table: Table, conditions: Sequence[Any], field: Field) -> ds.Expression:
    return reduce(operator.and_, [_condition(table, each, field) for each in conditions])


def _condition(table: Table, condition: Any, field: Field) -> ds.Expression:
    if not (isinstance(condition, tuple) and len(condition) == 3):
        raise ValueError(f"a filter must be (column, comparison, value), such as ('score', '>', 30), got {condition!r}")
    name, comparison, value = condition
    table.check_columns([name])
    kind = table.schema.field(name).type
    if comparison not in _COMPARISONS and comparison not in _MEMBERSHIPS:
        raise ValueError(f"a filter compares by {', '.join([*_COMPARISONS, *_MEMBERSHIPS])}, got {comparison!r}")
    if pa.types.is_list(kind):
        raise ValueError(f"a filter compares single values, and {table.name}.{name} holds lists; filter the frame")
    try:
        if comparison in _MEMBERSHIPS:
            within = field(name).isin(pa.array([_value(each, kind) for each in _listed(value)], kind))
            return within if comparison == "in" else ~within & field(name).is_valid()
        return _COMPARISONS[comparison](field(name), pa.scalar(_value(value, kind), kind))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"a filter on {table.name}.{name} must compare with {kind} values, got {value!r}; null meets no filter"
        ) from error


def _value(value: Any, kind: pa.DataType) -> Any:
    """Reject values that pyarrow would treat as null or round."""
    if value is None or (pa.types.is_integer(kind) and not isinstance(value, Integral)):
        raise TypeError(value)
    return value


def _listed(values: Any) -> list[Any]:
    """The operand of `in` as a list; a bare text would be split into letters."""
    if isinstance(values, str):
        raise TypeError(values)
    return list(values)
