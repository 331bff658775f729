"""SIGTERM and SIGHUP as Ctrl-C: what a batch system and a closed terminal send ends a run as a person would.

A second signal ends the process at once, as a second Ctrl-C does.
"""

import signal
import threading
from typing import Any, Final

__all__ = ["SIGNALS", "exit_code", "take_as_ctrl_c"]

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""Signals that are taken as Ctrl-C."""

_received: list[int] = []
"""Numbers of those that have arrived, in their order."""


def take_as_ctrl_c() -> None:
    """From now on, handle SIGTERM and SIGHUP as Ctrl-C is handled at that moment.

    Python runs signal handlers in the main thread, so this has no effect elsewhere. A program's own handler stays, and
    is installed again where C code has replaced it. An ignored SIGHUP stays ignored: that is `nohup`.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        own = signal.getsignal(number)
        signal.signal(number, _as_ctrl_c if own in (signal.SIG_DFL, None) else own)


def exit_code() -> int:
    """Exit code of an interrupted process: 143 after SIGTERM, 129 after SIGHUP, else 130."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _as_ctrl_c(number: int, frame: Any) -> None:
    _received.append(number)
    handler = signal.getsignal(signal.SIGINT)
    # a shell starts what runs in the background deaf to Ctrl-C, but not to these
    (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)
