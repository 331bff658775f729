"""Ends a worker whose interval does not end, so that Tune tries its trial again.

What hangs may hold the interpreter's lock, so no Python thread could do that; faulthandler's timer is a thread of C. It
leaves the stacks of all threads in a file, which says where the interval hung.
"""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

__all__ = ["interval_limit_s", "limited", "where_it_hung"]

_LEAST_LIMIT_S: Final = 600.0
_SLACK: Final = 20.0
"""An interval may take so many times the longest before it, since points differ in what a step costs."""


def interval_limit_s(timeout_s: float, longest_s: float | None) -> float | None:
    """How long an interval may take.

    Args:
        timeout_s: What the user says; 0 leaves it to us.
        longest_s: The longest interval that these weights have taken; None before the first.

    Returns:
        Seconds; None for no limit: nothing is known of how long the first interval of a model takes.

    >>> [interval_limit_s(0.0, longest_s) for longest_s in (None, 2.0, 60.0)]
    [None, 600.0, 1200.0]
    """
    if timeout_s > 0.0:
        return timeout_s
    return None if longest_s is None else max(_LEAST_LIMIT_S, _SLACK * longest_s)


@contextmanager
def limited(limit_s: float | None, trace: Path | None) -> Iterator[None]:
    """End this process, with exit code 1, where the block takes longer.

    Args:
        limit_s: Seconds; None for no limit.
        trace: File for the stacks of a process that was ended, removed where none was; None for stderr.
    """
    if limit_s is None:
        yield
        return
    # 2 is stderr: what stands for it in a test has no descriptor
    with trace.open("w", encoding="utf-8") if trace else nullcontext(2) as file:
        faulthandler.dump_traceback_later(limit_s, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            if trace is not None:
                trace.unlink(missing_ok=True)


def where_it_hung(trace: Path) -> str | None:
    """The innermost frame of the main thread in the file that `limited` left; None where it ended no process."""
    try:
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # the main thread is the oldest, and so the last; its innermost frame comes first
    main = next((index for index in reversed(range(len(lines))) if "most recent call first" in lines[index]), None)
    if main is None or main + 1 >= len(lines):
        return None
    return lines[main + 1].strip()
