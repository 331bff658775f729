"""The results store: Parquet folders with one writer and any number of readers."""

from erpo_explore.store.columns import Column
from erpo_explore.store.reader import best_row, load_manifest, load_results
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
