"""What a found path is replayed against: baselines, perhaps with settings, and paths in files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from erpo_explore.config.path_file import is_path_file, load_path
from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.space import ALGORITHMS, Path
from erpo_explore.store.files import as_location

__all__ = ["Rivals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Rivals by name.

    Attributes:
        baselines: Settings of each algorithm; None for those that the space has for it.
        paths: Given paths, named after their files.
    """

    baselines: Mapping[str, Mapping[str, Any] | None]
    paths: Mapping[str, Path]

    @classmethod
    def parse(cls, text: str) -> "Rivals":
        """Read what a user writes, the entries of a YAML list.

        >>> Rivals.parse("mle, raml: {temperature: 0.1}").baselines
        {'mle': None, 'raml': {'temperature': 0.1}}

        Raises:
            ConfigError: It is no such list, or names what is no algorithm and no path's file.
        """
        try:
            entries = load_yaml(f"[{text}]")
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(
                f"--against must be names separated by commas, such as 'mle, raml: {{temperature: 0.1}}', got {text!r}"
            ) from error
        baselines: dict[str, Mapping[str, Any] | None] = {}
        paths: dict[str, Path] = {}
        for entry in entries:
            match entry:
                case str() if is_path_file(entry):
                    paths[FilePath(entry).stem] = load_path(as_location(entry))
                case str() if entry in ALGORITHMS:
                    baselines[entry] = None
                case dict() if len(entry) == 1 and _is_algorithm(*next(iter(entry.items()))):
                    baselines |= entry
                case _:
                    known = ", ".join(ALGORITHMS)
                    raise ConfigError(
                        f"--against must name baselines out of {known}, or a path's YAML file, got {entry!r}"
                    )
        return cls(baselines=baselines, paths=paths)


def _is_algorithm(name: Any, settings: Any) -> bool:
    return name in ALGORITHMS and isinstance(settings, Mapping)
