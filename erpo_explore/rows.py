"""Values with one row per sentence, and the selection of rows.

Legend: N selected rows.

Sampling drops the rows that have ended, and draws several targets per source. Both select rows of the states of model
and reward.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from jaxtyping import Int
from torch import Tensor

__all__ = ["Rows"]

RowsType = TypeVar("RowsType", bound="Rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A value whose tensors have the row as their first dimension, also within tuples and other `Rows`.

    Any other field, such as a number, holds for every row and is not changed by a selection.
    """

    def take(self: RowsType, row_N: Int[Tensor, " N"]) -> RowsType:
        """Select rows by index, in the given order; an index may occur several times or not at all."""
        return replace(self, **{field.name: _take(getattr(self, field.name), row_N) for field in fields(self)})


def _take(value: Any, row_N: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value.index_select(0, row_N)
    if isinstance(value, Rows):
        return value.take(row_N)
    if isinstance(value, tuple):
        return tuple(_take(entry, row_N) for entry in value)
    return value
