"""The single writer of a results folder: one driver process appends, any number of readers read.

Left out: locking, which is `writer_lock`.
"""

from collections.abc import Mapping, Sequence

import yaml

from erpo_explore.errors import ResultsError
from erpo_explore.store.compaction import compact_table, recover
from erpo_explore.store.files import Folder, Location, as_location
from erpo_explore.store.layout import MANIFEST
from erpo_explore.store.manifest import check_new, load_manifest
from erpo_explore.store.rows import find_table, rows_to_arrow
from erpo_explore.store.schema import TABLES
from erpo_explore.store.table_writer import TableWriter

__all__ = ["ResultsWriter"]


class ResultsWriter:
    """Appends rows to the tables of one exploration. Construct it with `create` or `open`.

    Attributes:
        folder: Folder of the exploration, a path or a URI.
    """

    def __init__(self, folder: Location) -> None:
        self.folder = as_location(str(folder))
        self._within = Folder.at(folder)
        self._tables: dict[str, TableWriter] = {}

    @classmethod
    def create(cls, folder: Location, manifest: Mapping[str, object], *, needed_bytes: int = 0) -> "ResultsWriter":
        """Start a new results folder.

        Args:
            folder: The new folder, a path or a URI; must not exist, or be empty.
            manifest: Content of `exploration.yaml`: search space, seed, versions, git commit; plain values only.
            needed_bytes: Disk space that the exploration is expected to need, checkpoints included.

        Raises:
            ResultsError: The folder is not empty, or its disk has too little space; nothing is written.
            ValueError: The manifest holds a value that YAML cannot represent.
        """
        cls.check_new(folder, needed_bytes=needed_bytes)
        writer = cls(folder)
        text = _manifest_text(manifest)
        for table in TABLES:
            writer._within.within(table).make()
        writer._within.write(MANIFEST, text.encode())
        return writer

    @classmethod
    def check_new(cls, folder: Location, *, needed_bytes: int = 0) -> None:
        """Check all that `create` needs. Writes nothing.

        Args:
            folder: As for `create`.
            needed_bytes: As for `create`.

        Raises:
            ResultsError: The folder is not empty, cannot be made, or its disk has too little space.
        """
        check_new(folder)
        _check_free(Folder.at(folder), needed_bytes)

    @classmethod
    def open(cls, folder: Location) -> "ResultsWriter":
        """Open a results folder made by `create`, and finish or undo a killed compaction.

        Raises:
            ResultsError: The folder is missing, holds no exploration, or cannot be written.
        """
        writer = cls(folder)
        if not writer._within.has(MANIFEST):
            raise ResultsError(
                f"results folder {folder} holds no {MANIFEST}, so there is nothing to resume; "
                "start it with `erpo-explore run`"
            )
        for table in TABLES:
            writer._within.within(table).make()
            recover(writer._within.within(table))
        return writer

    def write_file(self, name: str, text: str) -> None:
        """Write a text file beside the tables.

        Raises:
            ResultsError: The disk is full or the folder cannot be written.
        """
        self._within.write(name, text.encode())

    def note(self, fields: Mapping[str, object]) -> None:
        """Add or replace fields of `exploration.yaml`.

        Raises:
            ResultsError: The disk is full or the folder cannot be written; the manifest is unchanged.
            ValueError: A value that YAML cannot represent.
        """
        self._within.write(MANIFEST, _manifest_text({**load_manifest(self.folder), **fields}).encode())

    def append(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write rows, replacing earlier rows of the same trial and report.

        All rows are checked before the first is written. The samples of a report replace all its earlier samples, and
        likewise the statistics of its splits, so pass them in one call. Rows of several reports or trials that are
        passed in one call share a part.

        Args:
            table: Name of the table: observations, trials, lineage, samples, sentences, tests or measures.
            rows: One mapping per row, with the columns of docs/store.md; nullable columns may be missing.

        Raises:
            ValueError: An unknown table, or a row that does not fit it.
            ResultsError: The disk is full or the folder cannot be written; earlier parts stay intact.
        """
        kind = find_table(table)
        self._table(table).write(rows_to_arrow(kind, rows))

    def remove_reports(self, trial: str) -> None:
        """Remove the reports of a trial, whose name another trial will reuse."""
        for table in TABLES.values():
            if "iteration" in table.part_key:
                self._table(table.name).remove_trial(trial)

    def compact(self) -> int:
        """Merge small parts for faster reading; the content stays the same.

        Returns:
            Number of merged parts.

        Raises:
            ResultsError: The folder cannot be written; no row is lost or duplicated then.
        """
        self._tables.clear()
        return sum(compact_table(self._within.within(table.name), table) for table in TABLES.values())

    def _table(self, name: str) -> TableWriter:
        if name not in self._tables:
            self._tables[name] = TableWriter(self._within.within(name), find_table(name))
        return self._tables[name]


def _manifest_text(manifest: Mapping[str, object]) -> str:
    """Encode the manifest as YAML."""
    try:
        return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True)
    except yaml.representer.RepresenterError as error:
        raise ValueError(
            f"the manifest must hold plain values only (text, numbers, lists, mappings): {error}"
        ) from error


def _check_free(folder: Folder, needed_bytes: int) -> None:
    """Raise unless the folder's disk has enough space."""
    free = folder.free_bytes()
    if free is not None and free < needed_bytes:
        raise ResultsError(
            f"results folder {folder.location} needs {needed_bytes / 1e9:.2f} GB but its disk has {free / 1e9:.2f} GB "
            "free; free some space or choose another one with --results"
        )
