"""Where a number came from: the versions and the commit that made it."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from erpo_explore.config.experiment import Experiment

__all__ = ["experiment_of", "manifest"]

_PACKAGES: Final = ("erpo-explore", "ray", "torch", "sacrebleu", "rouge-score", "pandas", "pyarrow", "numpy")


def manifest(space: Experiment) -> dict[str, Any]:
    """What `exploration.yaml` holds: the space with its seed, versions, and the commit of the code."""
    return {
        "exploration": space.name,
        "space": space.to_dict(),
        "seed": space.seed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "git_commit": _commit(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def experiment_of(written: dict[str, Any], origin: str) -> Experiment:
    """The search space of an `exploration.yaml`.

    Raises:
        ConfigError: It does not fit the schema.
    """
    return Experiment.from_dict(written.get("space"), origin=origin)


def _commit() -> str | None:
    """Commit of the checkout that this code runs from, marked where it was changed; None for an installed package."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        inside = subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=False)  # noqa: S603
        if inside.returncode != 0:
            return None
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S603
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("-changed" if changed.stdout.strip() else "")
