"""The connection to a Ray cluster for as long as an exploration runs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from erpo_explore.errors import RunError
from erpo_explore.interruption import take_as_ctrl_c
from erpo_explore.tune._ray_internals import own_signal_handlers

__all__ = ["connected"]

_log = logging.getLogger(__name__)


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to Ray, and disconnect at the end; a connection that this process already has is kept.

    Args:
        address: Address of a Ray cluster; None for the one that this machine is part of, else a new one on this
            machine.

    Raises:
        RunError: The cluster cannot be reached.
    """
    # Tune would write three more logs per trial and print a traceback per failure, which error.txt of the trial holds;
    # Ray would send usage statistics unasked
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    if ray.is_initialized():
        yield
        return
    _log.info("starting Ray")
    try:
        with own_signal_handlers():
            ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises a plain one where a busy machine is too slow to start it
        raise RunError(f"Ray could not be reached at {address or 'this machine'}: {error}") from error
    take_as_ctrl_c()  # Ray has put a handler of its own beneath Python's, which prints a C++ stack trace
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()
