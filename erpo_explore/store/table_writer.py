"""Writer of one table: selects the part of each row, and replaces rows that were written before.

Each key is in exactly one part. A new key goes into a part named after it, or into a batch with other keys written at
the same time. Rows of a known key replace those in its part, in one rename. Repeated rows are therefore never
duplicated, for any reader.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from erpo_explore.errors import ResultsError
from erpo_explore.store.batches import BatchIndex
from erpo_explore.store.files import Folder
from erpo_explore.store.layout import PartKey, batch_name, batch_number, key_of, part_name
from erpo_explore.store.ordering import sorted_by_key
from erpo_explore.store.parts import open_parts, part_files, read_parts, to_parquet
from erpo_explore.store.schema import Table
from erpo_explore.store.versions import upgrade

__all__ = ["TableWriter"]


class TableWriter:
    """The single writer of one table, with an index of its folder."""

    def __init__(self, folder: Folder, table: Table) -> None:
        """Index the existing parts.

        Args:
            folder: Folder of the table.
            table: The table.
        """
        self._folder = folder
        self._table = table
        names = [entry.base_name for entry in part_files(folder)]
        batches = [name for name in names if batch_number(name) is not None]
        self._named = {name for name in names if key_of(table, name) is not None}
        self._next_batch = 1 + max((batch_number(name) or 0 for name in batches), default=0)
        self._index = BatchIndex()
        for part in open_parts(folder, table, batches):
            self._index_rows(part.name, read_parts(folder, table, [part], table.part_key))

    def write(self, rows: pa.Table) -> None:
        """Write rows, replacing earlier rows with the same part keys.

        Args:
            rows: Rows in the table's schema; for each part key, all of its rows.

        Raises:
            ResultsError: The disk is full or the folder cannot be written; earlier parts stay intact.
        """
        rows_of: dict[PartKey, list[int]] = defaultdict(list)
        for position, key in enumerate(self._keys(rows)):
            rows_of[key].append(position)
        in_batch: dict[str, list[PartKey]] = defaultdict(list)
        by_name, new = [], []
        for key in rows_of:
            if (batch := self._index.find(key)) is not None:
                in_batch[batch].append(key)
            elif not self._table.batched or part_name(self._table, key) in self._named:
                by_name.append(key)
            else:
                new.append(key)
        if len(new) == 1:
            by_name, new = by_name + new, []
        for batch, keys in in_batch.items():
            self._replace(batch, keys, self._taken(rows, rows_of, keys))
        for key in by_name:
            self._write_named(key, rows.take(rows_of[key]))
        if new:
            self._write_batch(self._taken(rows, rows_of, new))

    def remove_trial(self, trial: str) -> None:
        """Remove the rows of a trial.

        Raises:
            ResultsError: The folder cannot be written.
        """
        for batch in self._index.batches_of(trial):
            rows = self._read(batch)
            kept = rows.filter(pc.not_equal(rows["trial"], trial))
            if kept.num_rows:
                self._folder.write(batch, to_parquet(self._table, kept))
            else:
                self._folder.delete(batch)
        self._index.remove(trial)
        for name in sorted(self._named):
            key = key_of(self._table, name)
            if key is not None and key[0] == trial:
                self._folder.delete(name)
                self._named.remove(name)

    def _keys(self, rows: pa.Table) -> list[PartKey]:
        trial, *count = self._table.part_key
        counts = rows[count[0]].to_pylist() if count else [0] * rows.num_rows
        return list(zip(rows[trial].to_pylist(), counts, strict=True))

    def _index_rows(self, batch: str, rows: pa.Table) -> None:
        trial, *count = self._table.part_key
        counts = rows[count[0]].to_numpy() if count else np.zeros(rows.num_rows, dtype=np.int64)
        self._index.add(batch, rows[trial], counts)

    def _taken(self, rows: pa.Table, rows_of: dict[PartKey, list[int]], keys: Sequence[PartKey]) -> pa.Table:
        if len(keys) == len(rows_of):
            return rows
        return rows.take([position for key in keys for position in rows_of[key]])

    def _write_named(self, key: PartKey, rows: pa.Table) -> None:
        name = part_name(self._table, key)
        self._folder.write(name, to_parquet(self._table, rows))
        self._named.add(name)

    def _write_batch(self, rows: pa.Table) -> None:
        name = batch_name(self._next_batch)
        self._folder.write(name, to_parquet(self._table, sorted_by_key(rows, self._table.key)))
        self._next_batch += 1
        self._index_rows(name, rows)

    def _replace(self, batch: str, keys: Sequence[PartKey], rows: pa.Table) -> None:
        """Rewrite a batch with new rows for some of its keys."""
        before = self._read(batch)
        replaced = set(keys)
        kept = before.filter(pa.array([key not in replaced for key in self._keys(before)], pa.bool_()))
        # columns that only a newer version knows are kept
        whole = pa.concat_tables([kept, rows], promote_options="permissive")
        self._folder.write(batch, to_parquet(self._table, sorted_by_key(whole, self._table.key)))

    def _read(self, batch: str) -> pa.Table:
        """A batch with all its columns, under their names of today."""
        parts = open_parts(self._folder, self._table, [batch])
        try:
            return upgrade(parts[0].fragment.to_table(), self._table.schema)
        except (IndexError, OSError, pa.ArrowException) as error:
            raise ResultsError(
                f"{self._folder.location_of(batch)} was readable before and is not now, so its rows cannot be "
                "replaced; restore it from a copy"
            ) from error
