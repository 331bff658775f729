"""Named dots with settings, as a field of a YAML section."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from erpo_explore.space.algorithms import dot

__all__ = ["Dots"]


def _read_dots(written: Any) -> Any:
    """Accept `[mle, {raml: {temperature: 0.2}}]` beside the mapping."""
    if not isinstance(written, list):
        return written
    dots: dict[str, Any] = {}
    for entry in written:
        if not isinstance(entry, str | Mapping):
            raise ValueError(f"a dot must be a name or a mapping of a name to settings, got {entry!r}")
        dots |= {entry: {}} if isinstance(entry, str) else dict(entry)
    return dots


def _check_dots(dots: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for name, settings in dots.items():
        dot(name, metric="bleu", settings=settings)
    return dots


Dots = Annotated[dict[str, dict[str, Any]], BeforeValidator(_read_dots), AfterValidator(_check_dots)]
"""Named dots with the settings that differ from their defaults, as a field of a YAML section."""
