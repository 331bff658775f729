"""Reading a results folder into pandas. Readers never write; a damaged file does not prevent reading the others."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
import pyarrow as pa
from pyarrow import fs

from erpo_explore.errors import ResultsError
from erpo_explore.store.columns import BROKEN
from erpo_explore.store.files import Folder, Location
from erpo_explore.store.filters import Filters, RowFilter, row_filter
from erpo_explore.store.layout import MANIFEST, key_of
from erpo_explore.store.manifest import check_exploration
from erpo_explore.store.ordering import sorted_by_key
from erpo_explore.store.parts import open_parts, part_files, read_parts
from erpo_explore.store.rows import find_table
from erpo_explore.store.schema import Table

__all__ = ["best_row", "load_results"]

_EXPLORATION: Final = "exploration"
_ATTEMPTS: Final = 5


def load_results(
    folder: Location,
    table: str = "observations",
    columns: Sequence[str] | None = None,
    trials: Sequence[str] | None = None,
    filters: Filters | None = None,
) -> pd.DataFrame:
    """Load one table of an exploration, or of all explorations that lie in a folder.

    Args:
        folder: Folder of one exploration, `results/<exploration>`, or a folder of several, `results`; a path or a URI
            such as `s3://bucket/results`.
        table: Name of the table: observations (one row per trial and report), trials, lineage, samples, sentences,
            tests or measures.
        columns: Names of the columns, in this order; None for all.
        trials: Names of the trials; None for all.
        filters: Conditions on rows, such as `[("score", ">", 30), ("algorithm", "in", ["mle"])]`, all of which must
            hold. Of a list of such lists, one must hold. A null meets no condition. None for all rows.

    Returns:
        One row per key, sorted by it (trial, iteration, ...). Without any part yet: all columns, no rows. Of several
        explorations, `exploration` is the name of the folder within `folder`, and comes first in the key. A file that
        cannot be read is named in a warning and left out.

    Raises:
        ResultsError: The folder is missing or holds no exploration.
        ValueError: An unknown table or column, or an invalid filter.
    """
    kind = find_table(table)
    schema = kind.schema
    names = schema.names if columns is None else list(columns)
    kind.check_columns(names)
    rows = row_filter(kind, trials, filters)
    needed = list(dict.fromkeys([*names, *kind.key]))
    opened = Folder.at(folder)
    if opened.has(MANIFEST):
        whole = _load(opened.within(table), kind, needed, trials, rows)
    else:
        parts = [
            _with_exploration(_load(within.within(table), kind, needed, trials, rows), name)
            for name, within in _explorations(opened).items()
        ]
        whole = pa.concat_tables(parts)
    # return the memory of decoding before pandas allocates its own; Arrow's other pools would keep more of it
    pa.system_memory_pool().release_unused()
    frame: pd.DataFrame = whole.select(names).to_pandas(self_destruct=True)
    return frame


def best_row(frame: pd.DataFrame) -> pd.Series:
    """Find the observation with the best score whose status is not diverged or failed; the earliest step wins ties.

    The best score is the highest objective.

    Args:
        frame: Observations with `trial`, `step`, `objective` and `status`.

    Raises:
        ResultsError: No row has a score.
    """
    scored = frame[frame["objective"].notna() & ~frame["status"].isin(BROKEN)]
    if scored.empty:
        raise ResultsError("no observation has a score yet; let the exploration run until its first evaluation")
    ordered = scored.sort_values(["objective", "step", "trial"], ascending=[False, True, True], kind="stable")
    return ordered.iloc[0]


def _explorations(folder: Folder) -> dict[str, Folder]:
    """Find the explorations in a folder, by name.

    Raises:
        ResultsError: There is none.
    """
    folders = [entry.base_name for entry in folder.entries() if entry.type == fs.FileType.Directory]
    found = {name: folder.within(name) for name in folders if folder.within(name).has(MANIFEST)}
    if not found:
        check_exploration(folder)
    return found


def _with_exploration(rows: pa.Table, name: str) -> pa.Table:
    """Set the name of the exploration in all rows."""
    if _EXPLORATION not in rows.column_names:
        return rows
    at = rows.column_names.index(_EXPLORATION)
    return rows.set_column(at, rows.schema.field(_EXPLORATION), pa.repeat(pa.scalar(name), rows.num_rows))


def _load(
    folder: Folder, table: Table, columns: Sequence[str], trials: Sequence[str] | None, rows: RowFilter | None
) -> pa.Table:
    """Load a table's rows, one per key, sorted; retry where parts are merged meanwhile."""
    for _ in range(_ATTEMPTS):
        names = [entry.base_name for entry in part_files(folder)]
        if trials is not None:
            keys = [(name, key_of(table, name)) for name in names]
            names = [name for name, key in keys if key is None or key[0] in set(trials)]
        try:
            found = read_parts(folder, table, open_parts(folder, table, names), columns, rows)
        except FileNotFoundError:
            continue
        return sorted_by_key(found, table.key)
    raise ResultsError(f"{folder.location} is rewritten faster than it can be read; try again later")
