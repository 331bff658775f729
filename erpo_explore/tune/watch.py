"""Ends the driver where its Ray has died, with a line that names `resume`.

Ray itself ends the process after a minute without an answer from its head, with a message about its own files. A call
that waits within Ray takes no exception, so an error cannot be raised there.
"""

import os
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import ray

from erpo_explore.store.files import Location
from erpo_explore.tune.which_ray import silence_of

__all__ = ["watched"]

_PERIOD_S: Final = 5.0
_PATIENCE_S: Final = 40.0
"""Time without an answer after which the cluster counts as dead; less than Ray's own."""


@contextmanager
def watched(folder: Location) -> Iterator[None]:
    """End the process with exit code 2 once the head of the connected Ray has not answered for a while.

    All that was reported is saved by then.

    Args:
        folder: Results folder, for the message.
    """
    address, ended = str(ray.get_runtime_context().gcs_address), threading.Event()
    message = (
        f"error: the Ray at {address} has not answered for {_PATIENCE_S:.0f} s; what was reported is saved, and "
        f"`erpo-explore resume {shlex.quote(str(folder))}` continues it"
    )
    threading.Thread(target=_watch, args=(address, ended, message), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _watch(address: str, ended: threading.Event, message: str) -> None:
    """Ask until the block has ended or the cluster is dead."""
    num_silent = 0
    while num_silent * _PERIOD_S < _PATIENCE_S:
        if ended.wait(_PERIOD_S):
            return
        num_silent = num_silent + 1 if silence_of(address) is not None else 0
    print(message, file=sys.stderr, flush=True)
    os._exit(2)
