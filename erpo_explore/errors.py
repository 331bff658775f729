"""Errors for the user, as a tree of exceptions.

    ErpoExploreError
    ├── ConfigError    a value that the user wrote: YAML field, flag, point, path
    ├── DataError      a text, data set or vocabulary file
    ├── ResultsError   a results folder: it exists, is missing or damaged, or its disk is full
    └── RunError       training failed, or the cluster did
        └── DivergedError  non-finite loss in a trial

Each message is one line that names the field or file, the requirement, the value and the remedy. The command line
prints it and exits with code 2. Any other exception is a bug of this project and shows its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

__all__ = [
    "ConfigError",
    "DataError",
    "DivergedError",
    "ErpoExploreError",
    "ResultsError",
    "RunError",
    "brief",
    "did_you_mean",
]

_LONGEST: Final = 80


class ErpoExploreError(Exception):
    """Base of every error that a user can fix."""


class ConfigError(ErpoExploreError, ValueError):
    """A setting is unknown, out of range or contradicts another one."""


class DataError(ErpoExploreError, ValueError):
    """Text or a data set cannot be used as it is."""


class ResultsError(ErpoExploreError):
    """A results folder cannot be written or read."""


class RunError(ErpoExploreError):
    """An exploration could not start or continue."""


class DivergedError(RunError):
    """Non-finite loss; the trial may be tried again with other random draws."""


def brief(value: Any) -> str:
    """A value as a message shows it: its beginning, in one line.

    >>> brief("x" * 200)[:5], len(brief("x" * 200)), brief(None)
    ("'xxxx", 80, 'nothing')
    """
    text = "nothing" if value is None else " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the known word that is most like it; empty where none is.

    >>> did_you_mean("ramll", ["mle", "raml"])
    '; did you mean raml?'
    """
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
