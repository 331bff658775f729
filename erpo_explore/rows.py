"""Values that hold one row a sentence, and keep holding it when rows are picked.

Legend: N rows that are picked.

Sampling drops the rows that have ended, and draws several targets a source: both are a choice of rows, of whatever the
model and the reward carry along.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from jaxtyping import Int
from torch import Tensor

__all__ = ["Rows"]

RowsType = TypeVar("RowsType", bound="Rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A value whose tensors (also within tuples and other `Rows`) all have the row as their first dimension.

    What is neither of them, such as a number, holds for every row and stays as it is.
    """

    def take(self: RowsType, row_N: Int[Tensor, " N"]) -> RowsType:
        """The rows of these numbers, in this order; a number may occur often or never."""
        return replace(self, **{field.name: _take(getattr(self, field.name), row_N) for field in fields(self)})


def _take(value: Any, row_N: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value.index_select(0, row_N)
    if isinstance(value, Rows):
        return value.take(row_N)
    if isinstance(value, tuple):
        return tuple(_take(entry, row_N) for entry in value)
    return value
