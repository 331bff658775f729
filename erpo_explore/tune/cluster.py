"""The connection to a Ray cluster for as long as an exploration runs."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import ray

from erpo_explore.errors import RunError
from erpo_explore.interruption import take_as_ctrl_c
from erpo_explore.tune._ray_internals import own_signal_handlers, with_search_path
from erpo_explore.tune.search_path import searched_first
from erpo_explore.tune.which_ray import cluster_to_join
from erpo_explore.tune.writable_folders import ray_folder

__all__ = ["connected"]

_log = logging.getLogger(__name__)

_PATIENCE_S: Final = 120.0
"""A Ray on a busy machine takes a minute to start."""


@contextmanager
def connected(address: str | None) -> Iterator[bool]:
    """Connect to Ray, and disconnect at the end; a connection that this process already has is kept.

    Args:
        address: Address of a Ray cluster; None for the one that this machine is part of, else a new one on this
            machine.

    Yields:
        Whether the Ray was started here for this process alone, so that no other machine can join it.

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
        yield False
        return
    joined = cluster_to_join(address)
    _log.info("starting Ray" if joined is None else f"joining the Ray at {joined} (`--address local` starts a new one)")
    options = {"address": "local", "_temp_dir": ray_folder()} if joined is None else {"address": joined}
    try:
        with own_signal_handlers(), _time_limited():
            ray.init(
                **options,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                job_config=with_search_path(searched_first()),
            )
    except Exception as error:  # Ray raises a plain one where a busy machine is too slow to start it
        raise RunError(_failure(joined, " ".join(str(error).split()))) from error
    take_as_ctrl_c()  # Ray has put a handler of its own beneath Python's, which prints a C++ stack trace
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        yield joined is None
    finally:
        ray.shutdown()


def _failure(joined: str | None, reason: str) -> str:
    if joined is None:
        return f"Ray could not be started on this machine ({reason}); try again, or name a cluster with `--address`"
    return (
        f"the Ray at {joined} could not be joined ({reason}); name another one with `--address` or RAY_ADDRESS, or use "
        "`--address local` for a new one on this machine"
    )


@contextmanager
def _time_limited() -> Iterator[None]:
    """Raise an error in the main thread where Ray waits too long, as for a server that is no Ray."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"no answer within {_PATIENCE_S:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
