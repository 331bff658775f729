"""The page `docs/store.md`: what lies in a results folder, column by column, made of the schema itself.

python -m erpo_explore.store.describe > docs/store.md
"""

import sys
from typing import Final

import pyarrow as pa

from erpo_explore.store.columns import Column
from erpo_explore.store.schema import TABLES, Table
from erpo_explore.store.versions import RENAMED_COLUMNS, RENAMED_VALUES

__all__ = ["describe"]

_INTRODUCTION: Final = """\
# The results store

<!-- made by `python -m erpo_explore.store.describe > docs/store.md`; edit erpo_explore/store/ instead -->

`results/<exploration>/` is a local folder or any URI that pyarrow or fsspec can open (`s3://`, `gs://`, `abfs://`,
`hdfs://`, …). It holds `exploration.yaml` (search space, seed, versions, git commit) and a folder of Parquet parts for
each table, which plain pandas, DuckDB and Polars read as they are:

```python
import duckdb, pandas as pd, polars as pl
import erpo_explore as erpo

erpo.load_results("results/multi30k")  # pandas, sorted by key
erpo.load_results("s3://bucket/multi30k", "trials", columns=["trial", "best_score"])
erpo.load_results("results/multi30k", trials=["mle-s1"], filters=[("score", ">", 30), ("algorithm", "in", ["mle"])])
erpo.load_results("results")  # all explorations in it, one frame
pd.read_parquet("results/multi30k/observations")
duckdb.sql("SELECT algorithm, max(score) FROM 'results/multi30k/observations/*.parquet' GROUP BY algorithm")
pl.read_parquet("results/multi30k/observations/*.parquet")
```

Columns, trials and filters are pushed down to Parquet. In a frame of several explorations `exploration` is the name of
the folder within the one asked for, and the key is (exploration, key below), also where one space was run twice;
filters see the name that is stored.

## Parts

The driver is the only writer. A part appears whole or not at all: locally it is written aside, flushed and renamed; an
object store puts whole objects. Hidden files are unfinished or the store's own, and all readers pass over them.

| file | holds |
| --- | --- |
| `trial-<name>-<count>.parquet` | rows of one trial and report (`trials`: of one trial); percent-encoded |
| `rows-<number>.parquet` | a batch: rows of several keys that were written at once, or merged |
| `.compacting.json` | while small parts are merged: which, so that a killed writer can finish or undo it |

A row that is written again replaces itself where it lies, so a resumed exploration doubles nothing. Each exploration,
when it has ended, and `erpo-explore compact FOLDER` merge small parts into batches that are sorted by key. A writer
that is killed between writing the batches and deleting the small parts leaves rows twice. `load_results` takes one row
a key (that of a `trial-` part before that of a batch, of a later batch before an earlier one), and the next writer, or
`compact`, ends what was begun. Compact when no driver is writing.

A torn, truncated or foreign file among the parts is named in a warning, left where it is, and the rest loads.

## Versions

Older results folders stay readable:

- A column is never removed.
- A renamed column or value keeps its older name in older parts, and `load_results` returns the name of today. Filters
  take the names of today only. Compacting rewrites small parts under these names; other readers see what is stored.
- A new column is nullable, and is null in older parts.
- A type may widen (int32 to int64, float32 to float64), and readers cast.

A column that only a newer version knows is named in a warning and left out of the frame; compacting leaves its parts
alone.

{renames}

Values are checked when they are written: their type, null only where the table says so, texts among the choices, floats
finite unless the table says otherwise. Times are UTC."""


def describe() -> str:
    """The page, Markdown."""
    return (
        "\n\n".join([_INTRODUCTION.replace("{renames}", _renames()), *(_section(table) for table in TABLES.values())])
        + "\n"
    )


def _renames() -> str:
    header = ["| column | older name | older value → today |", "| --- | --- | --- |"]
    older = {current: name for name, current in RENAMED_COLUMNS.items()}
    rows = []
    for name in sorted({*older, *RENAMED_VALUES}):
        values = ", ".join(f"`{value}` → `{current}`" for value, current in RENAMED_VALUES.get(name, {}).items())
        rows.append(f"| `{name}` | {f'`{older[name]}`' if name in older else '–'} | {values or '–'} |")
    return "\n".join([*header, *rows])


def _section(table: Table) -> str:
    header = ["| column | type | unit | meaning | null when |", "| --- | --- | --- | --- | --- |"]
    key = ", ".join(f"`{name}`" for name in table.key)
    meaning = f"{table.meaning[0].upper()}{table.meaning[1:]}"
    rows = [_row(column) for column in table.columns]
    return "\n".join([f"## {table.name}", "", f"{meaning}. Key: {key}.", "", *header, *rows])


def _row(column: Column) -> str:
    meaning = column.meaning
    if column.choices:
        meaning += f" ({', '.join(column.choices)})"
    legal = [name for name, allowed in (("∞", column.inf), ("NaN", column.nan)) if allowed]
    unit = column.unit + (f"; {' and '.join(legal)} allowed" if legal else "")
    cells = (f"`{column.name}`", _type(column.type), unit or "–", meaning, column.null or "never")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {kind.value_type}"
    return "timestamp, µs" if pa.types.is_timestamp(kind) else str(kind)


if __name__ == "__main__":
    sys.stdout.write(describe())
