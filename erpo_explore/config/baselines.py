"""Named baselines with settings, as a field of a YAML section."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from erpo_explore.space.algorithms import Algorithm

__all__ = ["Baselines"]


def _read_baselines(written: Any) -> Any:
    """Accept `[mle, {raml: {temperature: 0.2}}]` beside the mapping."""
    if not isinstance(written, list):
        return written
    baselines: dict[str, Any] = {}
    for entry in written:
        if not isinstance(entry, str | Mapping):
            raise ValueError(f"an algorithm must be a name or a mapping of a name to settings, got {entry!r}")
        baselines |= {entry: {}} if isinstance(entry, str) else dict(entry)
    return baselines


def _check_baselines(baselines: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for name, settings in baselines.items():
        Algorithm(name=name, settings=settings)
    return baselines


Baselines = Annotated[dict[str, dict[str, Any]], BeforeValidator(_read_baselines), AfterValidator(_check_baselines)]
"""Named baselines with the settings that differ from their defaults, as a field of a YAML section."""
