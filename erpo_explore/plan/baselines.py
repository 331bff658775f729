"""The baselines that a found path is replayed against, as a list or as one line of text."""

from collections.abc import Sequence
from typing import Any

from erpo_explore.config.baselines import Baseline, read_baselines
from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml

__all__ = ["read_against"]


def read_against(written: str | Sequence[Any]) -> dict[str, Baseline | None]:
    """Read the entries of a `baselines` list.

    >>> read_against("mle, cold: {raml: {temperature: 0.05}}")["cold"].settings
    {'temperature': 0.05}

    Args:
        written: The list, or its entries as one line of text.

    Returns:
        Baselines by name; None for an algorithm without settings, which has those of the replayed experiment.

    Raises:
        ConfigError: The text is no YAML list, or an entry is no baseline.
    """
    entries = _entries(written) if isinstance(written, str) else list(written)
    try:
        baselines = read_baselines(entries)
    except ValueError as error:
        raise ConfigError(f"--against: {error}") from error
    return {name: None if name in entries else baseline for name, baseline in baselines.items()}


def _entries(text: str) -> list[Any]:
    try:
        entries: list[Any] = load_yaml(f"[{text}]")
    except ConfigError as error:
        raise ConfigError(
            f"--against must be names separated by commas, such as 'mle, raml: {{temperature: 0.1}}', got {text!r}, "
            f"which {error}"
        ) from error
    return entries
