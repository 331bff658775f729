"""What a found path is replayed against: dots, with settings where they are not their defaults, and paths in files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from erpo_explore.config.path_file import is_path_file, load_path
from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.space import DOTS, Path
from erpo_explore.store.files import as_place

__all__ = ["Rivals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Rivals by name.

    Attributes:
        dots: Settings of each dot; None for those that the space has for it.
        paths: Given paths, named after their files.
    """

    dots: Mapping[str, Mapping[str, Any] | None]
    paths: Mapping[str, Path]

    @classmethod
    def parse(cls, text: str) -> "Rivals":
        """Read what a user writes, the entries of a YAML list.

        >>> Rivals.parse("mle, raml: {temperature: 0.1}").dots
        {'mle': None, 'raml': {'temperature': 0.1}}

        Raises:
            ConfigError: It is no such list, or names what is no dot and no path's file.
        """
        try:
            entries = load_yaml(f"[{text}]")
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(
                f"--against must be names separated by commas, such as 'mle, raml: {{temperature: 0.1}}', got {text!r}"
            ) from error
        dots: dict[str, Mapping[str, Any] | None] = {}
        paths: dict[str, Path] = {}
        for entry in entries:
            match entry:
                case str() if is_path_file(entry):
                    paths[FilePath(entry).stem] = load_path(as_place(entry))
                case str() if entry in DOTS:
                    dots[entry] = None
                case dict() if len(entry) == 1 and _is_dot(*next(iter(entry.items()))):
                    dots |= entry
                case _:
                    known = ", ".join(DOTS)
                    raise ConfigError(f"--against must name dots out of {known}, or a path's YAML file, got {entry!r}")
        return cls(dots=dots, paths=paths)


def _is_dot(name: Any, settings: Any) -> bool:
    return name in DOTS and isinstance(settings, Mapping)
