"""`exploration.yaml`: the experiment behind a results folder, and the versions and the commit that ran it."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.renamed import upgraded
from erpo_explore.errors import ResultsError

__all__ = ["check_release", "experiment_of", "manifest"]

_PACKAGES: Final = ("erpo-explore", "ray", "torch", "sacrebleu", "rouge-score", "pandas", "pyarrow", "numpy")


def manifest(experiment: Experiment) -> dict[str, Any]:
    """The values of `exploration.yaml`: the experiment, versions of the packages, and the commit of the code."""
    return {
        "exploration": experiment.name,
        "space": experiment.to_dict(),
        "seed": experiment.seed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "git_commit": _commit(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def experiment_of(written: dict[str, Any], origin: str) -> Experiment:
    """The experiment of an `exploration.yaml`, which may be of an older version.

    Args:
        written: The values of the file.
        origin: The file or its folder, for messages.

    Raises:
        ConfigError: It does not fit the schema.
    """
    return Experiment.from_dict(upgraded(written.get("space")), origin=origin)


def check_release(written: dict[str, Any], folder: object) -> None:
    """Refuse to continue an exploration of another release: Tune's state names classes of that release.

    Args:
        written: The values of `exploration.yaml`.
        folder: Its results folder, for the message.

    Raises:
        ResultsError: Another release wrote the folder.
    """
    theirs = str(written.get("versions", {}).get("erpo-explore", "unknown"))
    ours = version("erpo-explore")
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise ResultsError(
            f"{folder} was begun by erpo-explore {theirs}, and {ours} cannot continue its unfinished trials; resume it "
            "with that version, or run its experiment again. Reading, report and replay work"
        )


def _commit() -> str | None:
    """Commit of the checkout that this code runs from; None for an installed package.

    Ends in `-changed` where tracked files differ from the commit.
    """
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
