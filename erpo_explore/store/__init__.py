"""The results store: Parquet folders with one writer and any number of readers.

Names are imported when they are first used, so that a wrong folder is reported before pandas is imported.
"""

from typing import TYPE_CHECKING

from erpo_explore.lazy_import import lazy_names

if TYPE_CHECKING:
    from erpo_explore.store.columns import Column
    from erpo_explore.store.manifest import load_manifest
    from erpo_explore.store.reader import best_row, load_results
    from erpo_explore.store.schema import LINEAGE, OBSERVATIONS, SAMPLES, SENTENCES, TABLES, TRIALS, Table
    from erpo_explore.store.writer import ResultsWriter

__all__ = [
    "LINEAGE",
    "OBSERVATIONS",
    "SAMPLES",
    "SENTENCES",
    "TABLES",
    "TRIALS",
    "Column",
    "ResultsWriter",
    "Table",
    "best_row",
    "load_manifest",
    "load_results",
]

__getattr__ = lazy_names(
    __name__,
    {
        "LINEAGE": "schema",
        "OBSERVATIONS": "schema",
        "SAMPLES": "schema",
        "SENTENCES": "schema",
        "TABLES": "schema",
        "TRIALS": "schema",
        "Column": "columns",
        "ResultsWriter": "writer",
        "Table": "schema",
        "best_row": "reader",
        "load_manifest": "manifest",
        "load_results": "reader",
    },
)
