"""A path as a YAML file: how a found path is kept, shared and replayed."""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeGuard

import yaml

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.space.path import Path

__all__ = ["PathFile", "is_path_file", "load_path", "save_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFile:
    """The name of a path's file, before the file is read.

    Attributes:
        location: As the user wrote it: a path, relative to the working folder or absolute, or a URI.
    """

    location: str


def is_path_file(written: Any) -> TypeGuard[str]:
    """Whether a value names a YAML file."""
    return isinstance(written, str) and written.endswith((".yaml", ".yml"))


def load_path(file: FilePath | str) -> Path:
    """Read a path from its file.

    Args:
        file: A path or a URI.

    Raises:
        ConfigError: The file is missing, or holds no YAML or no path.
    """
    from erpo_explore.store.files import read  # here, since an experiment is read without it

    try:
        written = load_yaml(read(file).decode())
        if written is None:
            raise ConfigError("is empty; a path must be a mapping with a list of knots")
        return Path.from_dict(written)
    except ResultsError as error:
        why = "does not exist" if isinstance(error.__cause__, FileNotFoundError) else str(error)
        raise ConfigError(f"{file}: {why}; name a path's YAML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text; name a path's YAML file") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def save_path(path: Path, file: FilePath | str) -> None:
    """Write a path to a file; `load_path(file) == path`.

    Raises:
        ResultsError: The file cannot be written.
    """
    from erpo_explore.store.files import write_aside

    write_aside(file, yaml.safe_dump(path.to_dict(), sort_keys=False).encode())
