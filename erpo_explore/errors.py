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

__all__ = ["ConfigError", "DataError", "DivergedError", "ErpoExploreError", "ResultsError", "RunError"]


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
