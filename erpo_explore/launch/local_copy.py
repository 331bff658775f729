"""Check a local folder before results are fetched into it: it must be new or hold the same exploration."""

from pathlib import Path

from erpo_explore.errors import ResultsError
from erpo_explore.plain_yaml import load_yaml

__all__ = ["check_same_exploration"]

_MANIFEST = "exploration.yaml"
_IDENTITY = ("exploration", "seed", "started_at")


def check_same_exploration(local: Path, manifest: Path) -> None:
    """Check that `local` is missing, empty, or holds the exploration of the fetched `manifest`.

    Raises:
        ResultsError: The folder holds another exploration or other files, which would be mixed or overwritten.
    """
    if not local.exists() or (local.is_dir() and not any(local.iterdir())):
        return
    if _identity(local / _MANIFEST) != _identity(manifest):
        raise ResultsError(
            f"{local} does not hold the cluster's exploration, and nothing is overwritten; "
            "move it away, or name another folder with --into, and follow again to fetch"
        )


def _identity(manifest: Path) -> tuple[str, ...] | None:
    """Values that no two explorations share; None without a readable manifest."""
    try:
        written = load_yaml(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(written, dict) or not set(_IDENTITY) <= written.keys():
        return None
    return tuple(str(written[field]) for field in _IDENTITY)
