"""A time limit for an exploration: at the deadline it is interrupted as by Ctrl-C, which saves its state."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from erpo_explore.errors import ConfigError, RunError

__all__ = ["Deadline", "TimeLimit"]

_CLOSING_SHARE: Final = 0.04
_CLOSING_S: Final = 20.0
"""Seconds to save the state, merge the tables and draw the report."""


class Deadline:
    """The end of the time that an exploration has.

    Attributes:
        at: Time of `time.monotonic` at which it ends; None where there is no limit.
        passed: Whether it has interrupted the exploration.
    """

    def __init__(self, at: float | None = None) -> None:
        self.at = at
        self.passed = False

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; at least 0, and infinite where there is no limit."""
        return float("inf") if self.at is None else max(0.0, self.at - time.monotonic())

    def interrupt(self, run: Callable[[], None]) -> None:
        """Run a function, and interrupt it once the deadline has come.

        Raises:
            RunError: There is a limit, but this is not the main thread, which alone receives signals.
        """
        if self.at is None:
            run()
            return
        main = threading.main_thread()
        if threading.current_thread() is not main:
            raise RunError("max_hours interrupts as Ctrl-C does, so call it from the main thread")
        ended = threading.Event()

        def wait() -> None:
            if not ended.wait(self.left_s):
                self.passed = True
                signal.pthread_kill(main.ident or 0, signal.SIGINT)

        timer = threading.Thread(target=wait, name="deadline", daemon=True)
        try:
            timer.start()
            run()
        except KeyboardInterrupt:
            # an exploration that has only just begun has no handler of its own yet
            if not self.passed:
                raise
        finally:
            ended.set()
            timer.join()


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The time for a whole command, of which the exploration gets all but what its closing needs.

    Attributes:
        ends_at: Time of `time.monotonic` at which the command shall have ended; None where there is no limit.
        deadline: When the exploration is interrupted.
    """

    ends_at: float | None
    deadline: Deadline

    @classmethod
    def none(cls) -> "TimeLimit":
        """No limit."""
        return cls(None, Deadline())

    @classmethod
    def from_hours(cls, max_hours: float | None) -> "TimeLimit":
        """The limit of a command that begins now.

        Raises:
            ConfigError: The number of hours is not positive.
        """
        if max_hours is None:
            return cls.none()
        if not 0.0 < max_hours < float("inf"):
            raise ConfigError(f"max_hours must be > 0 and finite, got {max_hours:g}; e.g. 0.5 for half an hour")
        ends_at = time.monotonic() + 3600.0 * max_hours
        closing_s = min(_CLOSING_S + _CLOSING_SHARE * 3600.0 * max_hours, 360.0 * max_hours)
        return cls(ends_at, Deadline(ends_at - closing_s))

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self.ends_at is not None

    def keep_for_closing(self, startup_s: float) -> None:
        """Keep at least as much time for the closing as two workers took to start: the machine may be slow."""
        if self.deadline.at is not None and self.ends_at is not None:
            self.deadline.at = min(self.deadline.at, self.ends_at - 2.0 * startup_s)
