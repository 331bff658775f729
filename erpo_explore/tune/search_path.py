"""Where the workers look for modules: in the driver's folders, in the driver's order.

Python's own folders lie between those that are searched first and those that are searched last. A worker has its own.
"""

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

__all__ = ["search_also", "searched_first", "searched_last"]


def searched_first() -> list[str]:
    """The driver's folders before Python's own: that of its script, and those of PYTHONPATH."""
    return _absolute(sys.path[: _python()])


def searched_last() -> list[str]:
    """The driver's folders from Python's own on; what `explore.py` adds, such as the working folder, is the last."""
    return _absolute(sys.path[_python() :])


def search_also(folders: Iterable[str]) -> None:
    """In a worker: look for modules in these folders too, after all others."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)


def _python() -> int:
    """Index of the standard library in the search path."""
    library = sysconfig.get_path("stdlib")
    return sys.path.index(library) if library in sys.path else 1


def _absolute(folders: list[str]) -> list[str]:
    """The folders, as a process with another working folder knows them, without the archive of the standard library."""
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return [str(Path(folder).absolute()) for folder in folders if Path(folder).name != archive]
