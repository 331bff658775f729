"""The notice that this process will end soon: SIGTERM, as a cloud's spot machine or a person sends it.

Ray's own handler ends the process at once, in the middle of a step. This one only takes note, and training looks at it
between steps. Who must end at once is sent SIGKILL, as Ray does to a worker of its own a moment after SIGTERM.
"""

import signal
from typing import Any

__all__ = ["Notice"]


class Notice:
    """Whether the process has been told to end."""

    def __init__(self) -> None:
        self._is_given = False

    def listen(self) -> None:
        """Take SIGTERM from now on; in the main thread alone."""
        signal.signal(signal.SIGTERM, self._take)

    def is_given(self) -> bool:
        """Whether SIGTERM has come."""
        return self._is_given

    def _take(self, signum: int, frame: Any) -> None:
        del signum, frame
        self._is_given = True
