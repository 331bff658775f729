"""Ends the driver where its Ray has died: Ray itself waits for a head that never comes back."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import ray

from erpo_explore.errors import RunError
from erpo_explore.store.files import Location
from erpo_explore.tune.which_ray import silence_of

__all__ = ["watched"]

_PERIOD_S: Final = 5.0
_PATIENCE_S: Final = 60.0
"""Time without an answer after which the cluster counts as dead; Ray's own workers wait as long."""

_CLEANUP_S: Final = 30.0
"""Time that the main thread has to end by itself."""


@contextmanager
def watched(folder: Location) -> Iterator[None]:
    """Raise an error in the main thread once the head of the connected Ray has not answered for a minute.

    A main thread that waits within Ray cannot take it. Then the process ends with exit code 2.

    Args:
        folder: Results folder, for the message.

    Raises:
        RunError: Ray does not answer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    address, ended = str(ray.get_runtime_context().gcs_address), threading.Event()
    error = RunError(
        f"the Ray at {address} has not answered for {_PATIENCE_S:.0f} s; what was reported is saved, and "
        f"`erpo-explore resume {folder}` continues it"
    )

    def fail(*_: Any) -> None:
        raise error

    before = signal.signal(signal.SIGUSR2, fail)
    threading.Thread(target=_watch, args=(address, ended, str(error)), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.signal(signal.SIGUSR2, before)


def _watch(address: str, ended: threading.Event, message: str) -> None:
    """Ask until the block has ended or the cluster is dead."""
    num_silent = 0
    while num_silent * _PERIOD_S < _PATIENCE_S:
        if ended.wait(_PERIOD_S):
            return
        num_silent = num_silent + 1 if silence_of(address) is not None else 0
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
    if not ended.wait(_CLEANUP_S):
        print(f"error: {message}", file=sys.stderr, flush=True)  # no handler of a log is sure to be flushed
        os._exit(2)
