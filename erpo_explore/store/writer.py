"""The single writer of a results folder: one driver process appends, any number of readers read.

Left out: locking. The driver is the only writer by design, and a lock file that a killed driver leaves behind would
stand in the way of `resume`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import free_bytes, make_folder, write_aside
from erpo_explore.store.layout import is_part_of, manifest_path, part_path
from erpo_explore.store.reader import load_manifest
from erpo_explore.store.rows import find_table, rows_to_arrow
from erpo_explore.store.schema import TABLES

__all__ = ["ResultsWriter"]


class ResultsWriter:
    """Appends rows to the tables of one exploration. Use `create` or `open` to get one.

    Attributes:
        folder: The exploration's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: str | Path, manifest: Mapping[str, object], *, needed_bytes: int = 0) -> "ResultsWriter":
        """Start a new results folder.

        Args:
            folder: Where to; must not exist, or be empty.
            manifest: What to keep in `exploration.yaml`: space, seed, versions, git commit; plain values only.
            needed_bytes: Room that the exploration is expected to take, its checkpoints included.

        Raises:
            ResultsError: the folder holds something already, or its disk has too little room; nothing is written.
            ValueError: the manifest holds a value that YAML cannot.
        """
        folder = Path(folder)
        _check_free(folder, needed_bytes)
        text = _manifest_text(manifest)
        for table in TABLES:
            make_folder(folder / table)
        write_aside(manifest_path(folder), text.encode())
        return cls(folder)

    @classmethod
    def open(cls, folder: str | Path) -> "ResultsWriter":
        """Go on with a results folder that `create` made.

        Raises:
            ResultsError: the folder is missing or holds no exploration.
        """
        folder = Path(folder)
        if not manifest_path(folder).is_file():
            raise ResultsError(
                f"results folder {folder} holds no {manifest_path(folder).name}, so there is nothing to resume; "
                "start it with `erpo-explore run`"
            )
        for table in TABLES:
            make_folder(folder / table)
        return cls(folder)

    def note(self, fields: Mapping[str, object]) -> None:
        """Add fields to `exploration.yaml`, or replace them, once they are known.

        Raises:
            ResultsError: the disk is full or the folder cannot be written; what was there is untouched.
            ValueError: a value that YAML cannot hold.
        """
        write_aside(manifest_path(self.folder), _manifest_text({**load_manifest(self.folder), **fields}).encode())

    def append(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write rows; those whose part (trial and report) was written before replace it.

        All rows are checked before the first is written. All samples of one report go into one part, and so do the
        statistics of its splits, so hand them over in one call.

        Args:
            table: Name of the table: observations, trials, lineage, samples, sentences or
                tests.
            rows: One mapping a row, as `erpo_explore.store.schema` documents; nullable columns may be left out.

        Raises:
            ValueError: an unknown table or a row that does not fit it.
            ResultsError: the disk is full or the folder cannot be written; the parts before it are whole.
        """
        kind = find_table(table)
        arrow = rows_to_arrow(kind, rows)
        places: dict[Path, list[int]] = defaultdict(list)
        for position, row in enumerate(rows):
            places[part_path(self.folder, kind, row)].append(position)
        for path, positions in places.items():
            write_aside(path, _parquet_bytes(arrow.take(positions)))

    def remove_reports(self, trial: str) -> None:
        """Remove what a trial reported, which another one will report anew under its name."""
        for table in TABLES.values():
            if "iteration" not in table.part_key:
                continue
            for path in (self.folder / table.name).iterdir():
                if is_part_of(path.name, table, trial):
                    path.unlink()


def _parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file. Statistics and dictionaries only cost room in parts of a few rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, write_statistics=False, use_dictionary=False)
    return bytes(sink.getvalue())


def _manifest_text(manifest: Mapping[str, object]) -> str:
    """The manifest as YAML text."""
    try:
        return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True)
    except yaml.representer.RepresenterError as error:
        raise ValueError(
            f"the manifest must hold plain values only (text, numbers, lists, mappings): {error}"
        ) from error


def _check_free(folder: Path, needed_bytes: int) -> None:
    """Raise unless the folder is free to be started and its disk has room."""
    if folder.exists() and not folder.is_dir():
        raise ResultsError(f"results folder {folder} is a file; choose another one with --results")
    if folder.is_dir() and any(folder.iterdir()):
        raise ResultsError(
            f"results folder {folder} exists and is not empty; continue it with `erpo-explore resume {folder}` or "
            "choose another one with --results"
        )
    if (free := free_bytes(folder)) < needed_bytes:
        raise ResultsError(
            f"results folder {folder} needs {needed_bytes / 1e9:.2f} GB but its disk has {free / 1e9:.2f} GB free; "
            "free some space or choose another one with --results"
        )
