"""Reading a results folder into pandas. Readers never write, and one bad file never hides the good ones."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from erpo_explore.errors import ResultsError
from erpo_explore.store.layout import SUFFIX, is_part_of, manifest_path
from erpo_explore.store.rows import find_table
from erpo_explore.store.schema import Table

__all__ = ["best_row", "load_manifest", "load_results"]


def load_results(
    folder: str | Path,
    table: str = "observations",
    columns: Sequence[str] | None = None,
    trials: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Load one table of an exploration.

    Args:
        folder: The exploration's folder, `results/<exploration>`.
        table: observations (one row a trial and report), trials, lineage, samples,
            sentences or tests.
        columns: Which columns, in this order; None for all.
        trials: Which trials; None for all.

    Returns:
        One row a key, sorted by it (trial, iteration, ...). No rows, but all columns, before the first part is there.
        A file that cannot be read is named in a warning and left out.

    Raises:
        ResultsError: the folder is missing or holds no exploration.
        ValueError: no table or column of that name.
    """
    folder = Path(folder)
    _check_exploration(folder)
    kind = find_table(table)
    schema = kind.schema
    names = schema.names if columns is None else list(columns)
    if unknown := [name for name in names if name not in schema.names]:
        raise ValueError(f"{table} has no column {unknown[0]!r}; it has {', '.join(schema.names)}")
    parts = (_read_part(path, schema) for path in _part_files(folder / table, kind, trials))
    whole = [schema.empty_table(), *(part for part in parts if part is not None)]
    frame: pd.DataFrame = pa.concat_tables(whole).to_pandas()
    if trials is not None:
        frame = frame[frame["trial"].isin(list(trials))]
    return frame.sort_values(list(kind.key), kind="stable", ignore_index=True)[names]


def load_manifest(folder: str | Path) -> dict[str, object]:
    """Read what an exploration was started with: its space, seed, versions and git commit.

    Raises:
        ResultsError: the folder is missing, holds no exploration, or its manifest is not YAML.
    """
    folder = Path(folder)
    _check_exploration(folder)
    path = manifest_path(folder)
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is not YAML, restore it from a copy: {error}") from error
    if not isinstance(manifest, dict):
        raise ResultsError(f"{path} must hold a mapping, got {type(manifest).__name__}; restore it from a copy")
    return manifest


def best_row(frame: pd.DataFrame) -> pd.Series:
    """The observation with the best score that is not itself of a diverged or failed run; the earliest step wins ties.

    Args:
        frame: Observations; needs `trial`, `step`, `score` and `status`.

    Raises:
        ResultsError: no row has a score to compare.
    """
    scored = frame[frame["score"].notna() & ~frame["status"].isin(["diverged", "failed"])]
    if scored.empty:
        raise ResultsError("no observation has a score yet; let the exploration run until its first evaluation")
    ordered = scored.sort_values(["score", "step", "trial"], ascending=[False, True, True], kind="stable")
    return ordered.iloc[0]


def _check_exploration(folder: Path) -> None:
    """Raise unless the folder holds an exploration."""
    if not folder.is_dir():
        raise ResultsError(f"results folder {folder} does not exist; name a folder such as results/default")
    if not manifest_path(folder).is_file():
        raise ResultsError(
            f"results folder {folder} holds no {manifest_path(folder).name}; name the folder of one exploration, such "
            "as results/default"
        )


def _part_files(folder: Path, table: Table, trials: Sequence[str] | None) -> list[Path]:
    """The parts to read, sorted. Hidden files are a writer's unfinished ones, or the desktop's, and are passed over."""
    if not folder.is_dir():
        return []
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if trials is not None:
        return [path for path in files if any(is_part_of(path.name, table, trial) for trial in trials)]
    for path in files:
        if path.suffix != SUFFIX:
            warnings.warn(f"{path} is not a part of the results, left out", stacklevel=3)
    return [path for path in files if path.suffix == SUFFIX]


def _read_part(path: Path, schema: pa.Schema) -> pa.Table | None:
    """Read one part in the table's schema; None, with a warning, when it cannot be read as that."""
    try:
        part = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        warnings.warn(f"{path} cannot be read, left out: {_first_line(error)}", stacklevel=4)
        return None
    try:
        return _conform(part, schema)
    except (ValueError, pa.ArrowException) as error:
        warnings.warn(f"{path} is not a part of {path.parent.name}, left out: {_first_line(error)}", stacklevel=4)
        return None


def _conform(part: pa.Table, schema: pa.Schema) -> pa.Table:
    """The part with exactly the table's columns; a nullable column that an older version did not write is null."""
    if part.schema.equals(schema):
        return part
    if unknown := sorted(set(part.column_names) - set(schema.names)):
        raise ValueError(f"it has an unknown column {unknown[0]!r}")
    for field in schema:
        if field.name not in part.column_names:
            if not field.nullable:
                raise ValueError(f"it has no column {field.name!r}")
            part = part.append_column(field.name, pa.nulls(part.num_rows, field.type))
    return part.select(schema.names).cast(schema)


def _first_line(error: Exception) -> str:
    """An error's first line: pyarrow's go on for many."""
    return (str(error).splitlines() or [type(error).__name__])[0]
