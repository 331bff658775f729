"""Checks that the worker's machine has disk space for a checkpoint, before an interval is trained for it.

Tune stages every checkpoint in the worker's folder for temporary files, wherever results are stored.
"""

import errno
import os
import shutil
import socket
import tempfile

__all__ = ["check_disk_space"]


def check_disk_space(needed_bytes: int) -> None:
    """Raise unless the folder for temporary files has that much free space.

    Args:
        needed_bytes: Size of a checkpoint.

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
