"""One process at a time writes a results folder.

On a disk, the operating system holds the lock and releases it with the process, also one that is killed. An object
store has no locks: there the writer renews a file, and a file that is fresh by the store's own clock, or whose process
lives on this machine, is a lock. Two processes that begin within the same second are not told apart there.
"""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pyarrow import fs

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder, Location

__all__ = ["locked"]

_FILE: Final = ".writer"
_PROBE: Final = ".writer-probe"
_RENEWAL_S: Final = 20.0
_FRESH: Final = timedelta(seconds=3 * _RENEWAL_S)


@contextmanager
def locked(location: Location) -> Iterator[None]:
    """Hold a results folder, which exists, for the duration of the block.

    Raises:
        ResultsError: Another process writes to it.
    """
    folder = Folder.at(location)
    with _held_on_disk(folder) if folder.is_local else _held_in_store(folder):
        yield


@contextmanager
def _held_on_disk(folder: Folder) -> Iterator[None]:
    try:
        # "a": created if missing, and not emptied before it is held
        file = Path(folder.path_of(_FILE)).open("a+", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError:  # nothing can be written here, and whatever tries to write says so
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _error(folder, file.read()) from None
        except OSError:  # a network disk without locks
            pass
        file.truncate(0)
        file.write(_owner())
        file.flush()
        yield


@contextmanager
def _held_in_store(folder: Folder) -> Iterator[None]:
    if folder.has(_FILE) and _lives(folder, written := folder.read(_FILE).decode()):
        raise _error(folder, written)
    ended = threading.Event()
    folder.write(_FILE, _owner().encode())
    renewal = threading.Thread(target=_renew, args=(folder, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        folder.delete(_FILE)


def _renew(folder: Folder, ended: threading.Event) -> None:
    while not ended.wait(_RENEWAL_S):
        with suppress(ResultsError):  # the writer itself will meet the error
            folder.write(_FILE, _owner().encode())


def _lives(folder: Folder, written: str) -> bool:
    """Whether the process behind a file in an object store lives, as far as this machine can know."""
    owner = _read(written)
    if owner.get("host") == socket.gethostname():
        return _is_process(owner.get("process"))
    folder.write(_PROBE, b"")
    times = [_modified(folder, name) for name in (_FILE, _PROBE)]
    folder.delete(_PROBE)
    return None not in times and times[1] - times[0] < _FRESH  # type: ignore[operator]  # neither is None


def _modified(folder: Folder, name: str) -> datetime | None:
    found: fs.FileInfo = folder.filesystem.get_file_info(folder.path_of(name))
    modified: datetime | None = found.mtime
    return modified


def _is_process(number: Any) -> bool:
    if not isinstance(number, int) or number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _owner() -> str:
    return json.dumps({"host": socket.gethostname(), "process": os.getpid()})


def _read(written: str) -> dict[str, Any]:
    try:
        owner = json.loads(written)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _error(folder: Folder, written: str) -> ResultsError:
    owner = _read(written)
    return ResultsError(
        f"results folder {folder.location} is being written by process {owner.get('process', 'unknown')} on "
        f"{owner.get('host', 'another machine')}; wait until it ends, or end it"
        + ("" if folder.is_local else " (if it was killed, try again in a minute)")
    )
