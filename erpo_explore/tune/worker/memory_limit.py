"""A memory limit per worker: a trial that exceeds it fails alone, before its machine is full and other trials suffer.

A thread of the process reads how much memory the kernel has given it. Above the limit it interrupts the main thread,
where the trial then fails like any other. The kernel's own limits do not serve: that of the address space counts what
CUDA only reserves, and that of the resident set has no effect on Linux.
"""

import os
import signal
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

__all__ = ["held_bytes", "memory_limited"]

_PERIOD_S: Final = 0.1
_GRACE_S: Final = 10.0
"""Time until the process is ended, since the main thread is not interrupted within a call into C."""

_SIGNAL: Final = signal.SIGUSR1
_STATUS: Final = Path("/proc/self/status")


def held_bytes() -> int | None:
    """Memory that this process alone holds, without mapped files and shared memory; None where it is not known."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)


@contextmanager
def memory_limited(limit_gb: float | None) -> Iterator[None]:
    """Raise as soon as the process holds more memory than allowed during the block. Main thread only.

    Args:
        limit_gb: Limit in units of 10⁹ bytes; None for no limit.

    Raises:
        MemoryError: The process exceeded the limit.
    """
    if limit_gb is None:
        yield
        return

    def fail(signum: int, frame: Any) -> None:
        del signum, frame
        taken_gb = (held_bytes() or 0) / 1e9
        raise MemoryError(
            f"its worker took {taken_gb:.2f} GB, more than resources.memory_per_trial_gb={limit_gb:g}; "
            f"raise that, or lower training.batch_size"
        )

    before, ended = signal.signal(_SIGNAL, fail), Event()
    watching = Thread(target=_watch, args=(limit_gb * 1e9, ended), daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        signal.signal(_SIGNAL, before)


def _watch(limit_bytes: float, ended: Event) -> None:
    while not ended.wait(_PERIOD_S):
        if (held_bytes() or 0) > limit_bytes:
            interrupt_main(_SIGNAL)
            if not ended.wait(_GRACE_S):
                os._exit(1)
            return
