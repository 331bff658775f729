"""Trust in results of other users: `resume` and `replay` execute what a results folder or a path file holds.

`resume` unpickles Tune's state. `resume` and `replay` import the functions that an experiment or a path names, and
loading a model imports the function that builds it. Reading results, as `report` does, executes nothing. Files on disk
are checked by their owner, which is the user who unpacked or fetched them. An object store has no owners, so the user
must know its origin. The names of imported functions are always logged.
"""

import logging
import os
import pwd
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from erpo_explore.errors import ResultsError
from erpo_explore.plan.initial_weights import INITIAL_FOLDERS
from erpo_explore.store.files import Location
from erpo_explore.store.layout import CHECKPOINTS, MANIFEST
from erpo_explore.store.manifest import load_manifest

__all__ = ["check_loadable", "check_replayable", "check_resumable", "named_functions"]

_log = logging.getLogger(__name__)

_NAMING: Final = ("metric", "also", "function", "kind", "estimator", "reward", "method")
"""Fields of an experiment that may name a function."""

_WITHIN: Final = ("name", "sum")
"""Fields of a metric with options, or of a sum, that name one."""


def check_resumable(folder: Location, *, trust: bool) -> None:
    """Refuse another user's results before Tune's state is unpickled, and log the functions that will be imported.

    Args:
        folder: Results folder.
        trust: Accept files of other users.

    Raises:
        ResultsError: The folder holds no exploration, belongs to another user, or is writable by every user.
    """
    written = load_manifest(folder).get("space")
    if isinstance(folder, Path) and not trust:
        _check_owner(_executed(folder), f"resuming {folder} runs what it holds (Tune's pickled state)")
    _log_functions(folder, named_functions(written))


def check_replayable(origin: Location, written: Mapping[str, Any], *, trust: bool) -> None:
    """Refuse another user's results or path if functions would be imported for it, and log these functions.

    Args:
        origin: A results folder or a path file.
        written: The experiment that replays it, as plain values.
        trust: Accept files of other users.

    Raises:
        ResultsError: The experiment names functions, and `origin` belongs to another user or is writable by every user.
    """
    functions = named_functions(written)
    if functions and isinstance(origin, Path) and not trust:
        _check_owner([origin], f"replaying {origin} runs functions that it may name ({', '.join(functions)})")
    _log_functions(origin, functions)


def check_loadable(origin: Location, section: Mapping[str, Any], *, trust: bool) -> None:
    """Refuse another user's model if a function would be imported to build or score it, and log the function.

    Args:
        origin: A results folder, or the folder of an exported model.
        section: Part of its experiment that may name a function, as plain values, such as `model`.
        trust: Accept files of other users.

    Raises:
        ResultsError: The section names a function, and `origin` belongs to another user or is writable by every user.
    """
    functions = named_functions(section)
    if functions and isinstance(origin, Path) and not trust:
        _check_owner([origin], f"using {origin} runs a function that it names ({', '.join(functions)})")
    _log_functions(origin, functions)


def named_functions(written: Any) -> tuple[str, ...]:
    """Functions that an experiment, as plain values, names as `package.module:function`, sorted."""
    return tuple(sorted(set(_functions(written))))


def _functions(value: Any, named: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        if named and ":" in value:
            yield value
    elif isinstance(value, Mapping):
        for field, inner in value.items():
            yield from _functions(inner, field in _NAMING or (named and field in _WITHIN))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _functions(inner, named)


def _log_functions(origin: Location, functions: tuple[str, ...]) -> None:
    if functions:
        _log.info("%s names functions, which are imported and run: %s", origin, ", ".join(functions))


def _check_owner(files: Iterable[Path], what: str) -> None:
    """Raise at the first file that another user wrote or that every user may write.

    Files of root are accepted, since root may do anything anyway.
    """
    for file in files:
        found = file.stat()
        if found.st_uid not in (os.geteuid(), 0):
            raise ResultsError(
                f"{file} belongs to {_user(found.st_uid)}, and {what}; `report` only reads it. "
                "Add --trust if you trust them"
            )
        if found.st_mode & stat.S_IWOTH:
            raise ResultsError(
                f"{file} can be written by every user, and {what}; run chmod -R o-w on it if nobody has changed it, "
                "or add --trust"
            )


def _executed(folder: Path) -> Iterator[Path]:
    """Files that are unpickled or name functions, and their folders.

    Initial checkpoints are trained by an exploration within the folder, whose files count, too.
    """
    for within in (folder, *(folder / name for name in INITIAL_FOLDERS)):
        state = within / CHECKPOINTS
        files = sorted(state.iterdir()) if state.is_dir() else []
        yield from (path for path in (within, within / MANIFEST, state) if path.exists())
        yield from (file for file in files if file.is_file())


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with the number {number}"
