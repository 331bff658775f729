"""A path as a YAML file: how a discovered path is kept, handed on and replayed."""

from pathlib import Path as FilePath

import yaml

from erpo_explore.errors import ConfigError
from erpo_explore.space.path import Path

__all__ = ["load_path", "save_path"]


def load_path(file: FilePath) -> Path:
    """Read a path.

    Raises:
        ConfigError: The file is missing, no YAML or no path.
    """
    try:
        return Path.from_dict(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as text ({error}); name a path's YAML file") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that cannot be, such as 2024-13-45
        raise ConfigError(f"{file}: is no valid YAML; name a path's YAML file") from error


def save_path(path: Path, file: FilePath) -> None:
    """Write a path; `load_path(file) == path`."""
    aside = file.with_name(f".{file.name}.tmp")
    aside.write_text(yaml.safe_dump(path.to_dict(), sort_keys=False), encoding="utf-8")
    aside.replace(file)
