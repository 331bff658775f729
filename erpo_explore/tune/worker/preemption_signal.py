"""SIGTERM as the sign that this process is about to end: a preempted spot machine, or a person.

Ray's own handler ends the process at once, in the middle of a step. This one only notes the signal; training checks
`is_received` between steps and stops. A process that must end at once is sent SIGKILL, as Ray does to a worker of its
own a moment after SIGTERM.
"""

import signal
from typing import Any

from ray.exceptions import RayActorError

__all__ = ["PreemptedError", "PreemptionSignal"]


class PreemptedError(RayActorError):
    """The worker was preempted; Tune tries its trial again, and does not count this as a failure."""

    def __init__(self, message: str) -> None:
        super().__init__(error_msg=message, preempted=True)


class PreemptionSignal:
    """Whether the process has been sent SIGTERM."""

    def __init__(self) -> None:
        self._is_received = False

    def listen(self) -> None:
        """Handle SIGTERM from now on. Main thread only."""
        signal.signal(signal.SIGTERM, self._receive)

    def is_received(self) -> bool:
        """Whether SIGTERM has arrived."""
        return self._is_received

    def _receive(self, signum: int, frame: Any) -> None:
        del signum, frame
        self._is_received = True
