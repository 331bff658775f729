"""Rows sorted by key, one row per key."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["sorted_by_key"]


def sorted_by_key(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Sort rows by key, ascending; of several rows with one key, keep the last.

    Rows that are sorted already, as in a compacted table, are not copied.

    Args:
        rows: Rows with the columns of the key, which hold no nulls.
        key: Names of columns of texts or whole numbers.
    """
    if rows.num_rows < 2:
        return rows
    ranks = [_ranks(rows[name]) for name in key]
    if _rises(ranks).all():
        return rows
    order = np.lexsort(ranks[::-1])  # stable, and sorts by its last one first
    is_last = np.append(_rises([column[order] for column in ranks]), True)
    return rows.take(order[is_last])


def _ranks(column: pa.ChunkedArray) -> np.ndarray:
    """Whole numbers in the order of the values."""
    if not pa.types.is_string(column.type):
        return np.asarray(column)
    coded = column.dictionary_encode().combine_chunks()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank_of_code = np.empty(len(order), dtype=np.int64)
    rank_of_code[order] = np.arange(len(order))
    ranks: np.ndarray = rank_of_code[coded.indices.to_numpy()]
    return ranks


def _rises(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Whether the key of each row after the first is greater than that of the row before."""
    rises = np.zeros(len(columns[0]) - 1, dtype=bool)
    equal = ~rises
    for column in columns:
        rises |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return rises
