"""A path as a YAML file: how a discovered path is kept, handed on and replayed."""

import yaml

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.space.path import Path
from erpo_explore.store.files import Location, read, write_aside

__all__ = ["is_path_file", "load_path", "save_path"]


def is_path_file(written: object) -> bool:
    """Whether a value names a YAML file, where a path or an algorithm might stand."""
    return isinstance(written, str) and written.endswith((".yaml", ".yml"))


def load_path(file: Location) -> Path:
    """Read a path.

    Args:
        file: A path of this machine or a URI.

    Raises:
        ConfigError: The file is missing, no YAML or no path.
    """
    try:
        return Path.from_dict(load_yaml(read(file).decode()))
    except (ResultsError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as text ({error}); name a path's YAML file") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that cannot be, such as 2024-13-45
        raise ConfigError(f"{file}: is no valid YAML; name a path's YAML file") from error


def save_path(path: Path, file: Location) -> None:
    """Write a path, whole; `load_path(file) == path`.

    Raises:
        ResultsError: It cannot be written.
    """
    write_aside(file, yaml.safe_dump(path.to_dict(), sort_keys=False).encode())
