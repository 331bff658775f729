"""Results of somebody else: reading them runs nothing; resuming them runs what they hold, so that is asked for first.

`resume` unpickles Tune's state, and `resume` and `replay` import the functions that a space or path names. Whose files
they are is what the file system says: a folder that was unpacked or fetched belongs to who did so, and an object store
names no owner, so there the user must know. That functions are imported is said in any case.
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
from erpo_explore.store import load_manifest
from erpo_explore.store.files import Location
from erpo_explore.store.layout import MANIFEST

__all__ = ["check_replayable", "check_resumable", "named_functions"]

_log = logging.getLogger(__name__)

_NAMING: Final = ("metric", "function", "kind", "estimator", "reward", "method")
"""Fields of a space that may name a function."""


def check_resumable(folder: Location, *, trust: bool) -> None:
    """Before Tune's state is unpickled: refuse that of another user, and say which functions will be imported.

    Args:
        folder: Of results.
        trust: Whether the user takes that of another user as it is.

    Raises:
        ResultsError: The folder holds no exploration, or is not to be trusted.
    """
    space = load_manifest(folder).get("space")
    if isinstance(folder, Path) and not trust:
        _check_owner(_executed(folder), f"resuming {folder} runs what it holds (Tune's pickled state)")
    _tell(folder, named_functions(space))


def check_replayable(origin: Location, space: Mapping[str, Any], *, trust: bool) -> None:
    """Before functions are imported: refuse those that another user's results or path name, and say which they are.

    Args:
        origin: A results folder or a path's file.
        space: What is to be run of it, written as a dict.
        trust: As above.

    Raises:
        ResultsError: It names functions and belongs to another user.
    """
    functions = named_functions(space)
    if functions and isinstance(origin, Path) and not trust:
        _check_owner([origin], f"replaying {origin} runs functions that it may name ({', '.join(functions)})")
    _tell(origin, functions)


def named_functions(space: Any) -> tuple[str, ...]:
    """Functions that a written search space names as `package.module:function`, sorted."""
    return tuple(sorted(set(_functions(space))))


def _functions(value: Any, named: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        if named and ":" in value:
            yield value
    elif isinstance(value, Mapping):
        for field, inner in value.items():
            yield from _functions(inner, field in _NAMING)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _functions(inner, named)


def _tell(place: Location, functions: tuple[str, ...]) -> None:
    if functions:
        _log.info("%s names functions, which are imported and run: %s", place, ", ".join(functions))


def _check_owner(files: Iterable[Path], what: str) -> None:
    """Raise at the first file that another user has written, or anybody could have; root could do so anyway."""
    for file in files:
        found = file.stat()
        if found.st_uid not in (os.geteuid(), 0):
            raise ResultsError(
                f"{file} belongs to {_user(found.st_uid)}, and {what}; `report` only reads it. "
                "Add --trust if you trust them"
            )
        if found.st_mode & stat.S_IWOTH:
            raise ResultsError(
                f"{file} can be written by everybody, and {what}; chmod -R o-w it if nobody has, or add --trust"
            )


def _executed(folder: Path) -> Iterator[Path]:
    """What is unpickled or names functions, with the folders that it lies in; a trunk is an exploration within."""
    for within in (folder, *(folder / name for name in INITIAL_FOLDERS)):
        state = within / "checkpoints"
        files = sorted(state.iterdir()) if state.is_dir() else []
        yield from (place for place in (within, within / MANIFEST, state) if place.exists())
        yield from (file for file in files if file.is_file())


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with the number {number}"
