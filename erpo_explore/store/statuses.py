"""Statuses of trials, read without pandas: for a question that is asked before anything heavy is imported."""

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder, Location, join
from erpo_explore.store.layout import SUFFIX

__all__ = ["is_any_unfinished"]

_UNFINISHED = {"running", "failed"}


def is_any_unfinished(folder: Location) -> bool:
    """Whether some trial of a results folder is left to resume.

    A row that a later part replaces counts, too, and a part that cannot be read does not.
    """
    from pyarrow import ArrowException, parquet

    trials = Folder.at(join(folder, "trials"))
    for entry in trials.entries():
        if not entry.base_name.endswith(SUFFIX) or entry.base_name.startswith("."):
            continue
        try:
            with trials.open(entry.base_name) as file:
                statuses = parquet.read_table(file, columns=["status"])["status"].to_pylist()
        except (ArrowException, OSError, ResultsError):
            continue
        if not _UNFINISHED.isdisjoint(statuses):
            return True
    return False
