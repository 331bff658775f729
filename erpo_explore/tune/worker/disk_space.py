"""Whether this machine's disk takes one more checkpoint, asked before an interval is trained for it.

Tune stages every checkpoint in the folder for temporary files of the worker's machine, wherever results lie.
"""

import errno
import os
import shutil
import socket
import tempfile

__all__ = ["check_room"]


def check_room(needed_bytes: int) -> None:
    """Go on only where so much is free.

    Args:
        needed_bytes: Of a checkpoint.

    Raises:
        OSError: ENOSPC, with the machine, the folder and both numbers.
    """
    staged = tempfile.gettempdir()
    free_bytes = shutil.disk_usage(staged).free
    if free_bytes < needed_bytes:
        raise OSError(
            errno.ENOSPC,
            f"{os.strerror(errno.ENOSPC)}: {socket.gethostname()} has {free_bytes:,} bytes free under {staged}, "
            f"a checkpoint takes {needed_bytes:,}; free some, or set TMPDIR there",
        )
