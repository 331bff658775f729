"""The seven tables of the results store: columns, key of a row, and which rows share a Parquet part.

Each table is a folder of parts. `columns` defines the columns; `docs/store.md` is generated from both modules.
Left out: foreign keys and indices. The tables are small, and pandas joins them on `trial`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from erpo_explore.store.columns import (
    DECISION_COLUMNS,
    MEASURE_COLUMNS,
    OBSERVATION_COLUMNS,
    ROLES,
    SAMPLE_COLUMNS,
    SENTENCE_COLUMNS,
    SPLITS,
    STATUSES,
    TEST_COLUMNS,
    TRIAL_COLUMNS,
    Column,
)

__all__ = [
    "LINEAGE",
    "MEASURES",
    "OBSERVATIONS",
    "ROLES",
    "SAMPLES",
    "SENTENCES",
    "SPLITS",
    "STATUSES",
    "TABLES",
    "TESTS",
    "TRIALS",
    "Column",
    "Table",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        name: Name of the table and of its folder.
        meaning: Meaning of a row.
        columns: Columns in their order.
        key: Names of the columns that identify a row.
        part_key: Leading part of the key: `trial`, and possibly a count. Rows with the same part key are in one part,
            so writing them again replaces all of them.
        batched: Whether keys that are written together share a part. False where rows are written again with each
            report, since replacing one key of a batch rewrites the batch.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    part_key: tuple[str, ...]
    batched: bool = True

    @property
    def schema(self) -> pa.Schema:
        """Columns as a pyarrow schema."""
        return pa.schema([pa.field(column.name, column.type, nullable=column.nullable) for column in self.columns])

    def check_columns(self, names: Iterable[str]) -> None:
        """Refuse names that are no column of the table.

        Raises:
            ValueError: a name is unknown; where an older version had it, the message gives the name of today.
        """
        from erpo_explore.store.versions import current_name  # here, since it imports pyarrow.compute

        known = self.schema.names
        for name in names:
            if name not in known:
                now = current_name(name)
                remedy = f"it is now {now!r}" if now in known else f"it has {', '.join(known)}"
                raise ValueError(f"{self.name} has no column {name!r}; {remedy}")


_BY_REPORT = ("trial", "iteration")
_BY_DECISION = ("trial", "generation")

TABLES = MappingProxyType(
    {
        table.name: table
        for table in (
            Table(
                name="observations",
                meaning="one row per trial and report: measurements, and the point of the space",
                columns=OBSERVATION_COLUMNS,
                key=_BY_REPORT,
                part_key=_BY_REPORT,
            ),
            Table(
                name="trials",
                meaning="one row per trial: its state, updated with each report",
                columns=TRIAL_COLUMNS,
                key=("trial",),
                part_key=("trial",),
                batched=False,
            ),
            Table(
                name="lineage",
                meaning="one row per decision on a member of a population, with the scores at that time",
                columns=DECISION_COLUMNS,
                key=_BY_DECISION,
                part_key=_BY_DECISION,
            ),
            Table(
                name="samples",
                meaning="one row per stored decoded sentence",
                columns=SAMPLE_COLUMNS,
                key=(*_BY_REPORT, "index"),
                part_key=_BY_REPORT,
            ),
            Table(
                name="sentences",
                meaning="one row per trial, report and split: statistics of each sentence",
                columns=SENTENCE_COLUMNS,
                key=(*_BY_REPORT, "split"),
                part_key=_BY_REPORT,
            ),
            Table(
                name="tests",
                meaning="one row per trial that was tested: the test set, decoded once with the last weights",
                columns=TEST_COLUMNS,
                key=_BY_REPORT,
                part_key=_BY_REPORT,
            ),
            Table(
                name="measures",
                meaning="one row per trial, report, split and metric: the one that decides, and those of task.also",
                columns=MEASURE_COLUMNS,
                key=(*_BY_REPORT, "split", "metric"),
                part_key=_BY_REPORT,
            ),
        )
    }
)

OBSERVATIONS: pa.Schema = TABLES["observations"].schema
TRIALS: pa.Schema = TABLES["trials"].schema
LINEAGE: pa.Schema = TABLES["lineage"].schema
SAMPLES: pa.Schema = TABLES["samples"].schema
SENTENCES: pa.Schema = TABLES["sentences"].schema
TESTS: pa.Schema = TABLES["tests"].schema
MEASURES: pa.Schema = TABLES["measures"].schema
