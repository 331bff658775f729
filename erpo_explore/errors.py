"""What can go wrong for a user, as a tree.

    ErpoExploreError
    ├── ConfigError    a value that the user wrote: YAML field, flag, point, path
    ├── DataError      a text, data set or vocabulary file
    ├── ResultsError   a results folder: it exists, is missing, torn or its disk is full
    └── RunError       training or the cluster under it could not go on
        └── DivergedError  non-finite loss in a trial

Each message is one line that names the field or file, the requirement, the value and the remedy. The command line
prints it and exits with 2; anything that is not in this tree is our own bug and shows its traceback.
"""

__all__ = ["ConfigError", "DataError", "DivergedError", "ErpoExploreError", "ResultsError", "RunError"]


class ErpoExploreError(Exception):
    """Root of every error that a user can mend."""


class ConfigError(ErpoExploreError, ValueError):
    """A setting is unknown, out of range or contradicts another one."""


class DataError(ErpoExploreError, ValueError):
    """Text or a data set cannot be used as it is."""


class ResultsError(ErpoExploreError):
    """A results folder cannot be written or read."""


class RunError(ErpoExploreError):
    """An exploration could not start or go on."""


class DivergedError(RunError):
    """Non-finite loss; the trial may be tried again with other random draws."""
