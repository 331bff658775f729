"""Folders that Ray has to write: one for its sockets and logs, and a home for its token.

Ray takes /tmp/ray and the home folder as given. Neither need be there: another user may own /tmp/ray, TMPDIR may be too
long for the path of a socket, and a container may run as a user without a home.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from erpo_explore.errors import RunError

__all__ = ["LONGEST", "provide_home", "ray_folder"]

LONGEST: Final = 40
"""Bytes of the folder's path at most: Ray adds 63 for a session and a socket, whose path may have 107."""

_BASES: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run/user/{uid}")  # noqa: S108 - a folder of our own is made in it
_LOCKS: Final = "_ray_lockfiles"
_FREE_BYTES: Final = 100_000_000


def ray_folder() -> str | None:
    """Folder for Ray's sockets and logs: None for Ray's own choice if that can be used, else one of this user's.

    Ray's trials also lock files in a folder beside it. Where another user owns that one, RAY_TMPDIR is set to the
    folder of this user, for the Ray that this process starts.

    Raises:
        RunError: There is no such folder.
    """
    base = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
    usual = Path(base) / "ray"
    if _is_short(usual) and _is_writable(usual) and _is_writable(usual.parent / _LOCKS):
        return None
    for folder in _own_folders():
        if _is_short(folder) and _is_writable(folder.parent) and _is_made(folder):
            os.environ["RAY_TMPDIR"] = str(folder)
            return str(folder)
    raise RunError(
        f"Ray needs a folder for its sockets and logs, with a path of at most {LONGEST} characters and "
        f"{_FREE_BYTES // 1_000_000} MB free; {usual} is not such a folder; set RAY_TMPDIR to one"
    )


def provide_home() -> None:
    """Set HOME, and USER, where this process has no home folder that it may write: Ray keeps its token there.

    Ray needs a home folder when it is imported.

    Raises:
        RunError: No folder can be made.
    """
    try:
        home: Path | None = Path.home()
    except RuntimeError:  # HOME is not set, and the system does not know the user
        home = None
    if home is not None and (os.access(home, os.W_OK | os.X_OK) or os.access(home / ".ray" / "auth_token", os.R_OK)):
        return
    folder = next((folder for folder in _own_folders() if _is_writable(folder.parent) and _is_made(folder)), None)
    if folder is None:
        raise RunError("there is no home folder, and none can be made in /tmp; set HOME to a folder that you may write")
    os.environ["HOME"] = str(folder)
    os.environ.setdefault("USER", f"uid-{os.getuid()}")


def _own_folders() -> Iterator[Path]:
    """Where a folder of this user's may be made, in order of preference."""
    uid = os.getuid()
    for base in (os.environ.get("TMPDIR"), *_BASES):
        if base:
            yield Path(base.format(uid=uid)) / f"ray-{uid}"


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST


def _is_writable(folder: Path) -> bool:
    """Whether a folder, or the nearest parent that exists, may be written and has space."""
    nearest = next(known for known in (folder, *folder.parents) if known.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        return False
    held = os.statvfs(nearest)
    return held.f_bavail * held.f_frsize >= _FREE_BYTES


def _is_made(folder: Path) -> bool:
    """Make a folder that no other user may enter; False where that is not possible, or another user owns it."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        held = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(held.st_mode) and held.st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK)
