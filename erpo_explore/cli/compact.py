"""`explore.py compact`."""

from erpo_explore.cli.app import Results
from erpo_explore.cli.output import say

__all__ = ["compact"]


def compact(results: Results) -> None:
    """Merge the small files of a results folder, so that it is read faster.

    \b
    Example:
      explore.py compact results/multi30k
    """  # noqa: D301
    from erpo_explore.store.manifest import load_manifest

    load_manifest(results)  # before what takes seconds to import, and before the lock makes a file
    from erpo_explore.store import ResultsWriter
    from erpo_explore.store.writer_lock import locked

    with locked(results):
        say(f"merged {ResultsWriter.open(results).compact()} parts of {results}")
