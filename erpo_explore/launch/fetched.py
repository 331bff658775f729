"""Whether a local folder may take what is fetched: it is new, or holds an earlier copy of the very same exploration."""

from pathlib import Path

import yaml

from erpo_explore.errors import ResultsError
from erpo_explore.plain_yaml import load_yaml

__all__ = ["check_own"]

_MANIFEST = "exploration.yaml"
_IDENTITY = ("exploration", "seed", "started_at")


def check_own(local: Path, manifest: Path) -> None:
    """Raise unless `local` is missing, empty, or of the exploration that the fetched `manifest` describes.

    Raises:
        ResultsError: It holds another exploration or other files, which would be mixed or overwritten.
    """
    if not local.exists() or (local.is_dir() and not any(local.iterdir())):
        return
    if _identity(local / _MANIFEST) != _identity(manifest):
        raise ResultsError(
            f"{local} holds something else than the cluster's exploration, and nothing is overwritten; "
            "move it away, or name another folder with --into, and follow again to fetch"
        )


def _identity(manifest: Path) -> tuple[str, ...] | None:
    """What two explorations never share; None where there is no manifest to read it from."""
    try:
        written = load_yaml(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(written, dict) or not set(_IDENTITY) <= written.keys():
        return None
    return tuple(str(written[field]) for field in _IDENTITY)
