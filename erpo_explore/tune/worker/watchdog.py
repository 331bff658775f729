"""A time limit per interval: ends a worker that hangs, so that Tune tries its trial again.

A hung worker may hold the interpreter's lock, so no Python thread could end it. The timer of `faulthandler` is a thread
in C. It writes the stacks of all threads to a file, which shows where the interval hung.
"""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

__all__ = ["HUNG", "interval_limit_s", "time_limited", "where_it_hung"]

HUNG: Final = "hung.txt"
"""File in a trial's working folder on the worker's machine: the stacks of a worker that was ended because it hung."""

_LEAST_LIMIT_S: Final = 600.0
_SLACK: Final = 20.0
"""Limit as a multiple of the longest interval so far. It is large, since the cost of a step depends on the point."""


def interval_limit_s(timeout_s: float, longest_s: float | None) -> float | None:
    """How long an interval may take.

    Args:
        timeout_s: `resources.timeout_s`; 0 derives the limit from earlier intervals.
        longest_s: Duration of the longest interval of these weights; None before the first.

    Returns:
        Seconds; None for no limit, since the duration of a model's first interval is unknown.

    >>> [interval_limit_s(0.0, longest_s) for longest_s in (None, 2.0, 60.0)]
    [None, 600.0, 1200.0]
    """
    if timeout_s > 0.0:
        return timeout_s
    return None if longest_s is None else max(_LEAST_LIMIT_S, _SLACK * longest_s)


@contextmanager
def time_limited(limit_s: float | None, trace: Path | None) -> Iterator[None]:
    """End this process, with exit code 1, where the block takes longer.

    Args:
        limit_s: Seconds; None for no limit.
        trace: File for the stacks of a process that was ended; removed if the block ends in time. None is stderr.
    """
    if limit_s is None:
        yield
        return
    # 2 is stderr: the object that replaces it in tests has no descriptor
    with trace.open("w", encoding="utf-8") if trace else nullcontext(2) as file:
        faulthandler.dump_traceback_later(limit_s, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            if trace is not None:
                trace.unlink(missing_ok=True)


def where_it_hung(trace: Path) -> str | None:
    """Innermost frame of the main thread, from the file of `time_limited`; None if no process was ended."""
    try:
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # the main thread is the oldest, which comes last; its innermost frame comes first
    main = next((index for index in reversed(range(len(lines))) if "most recent call first" in lines[index]), None)
    if main is None or main + 1 >= len(lines):
        return None
    return lines[main + 1].strip()
