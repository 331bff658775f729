"""Authentication token of a cluster: a file for every machine, created once and readable by its owner alone."""

import os
import stat
import subprocess
from pathlib import Path
from typing import Final

from erpo_explore.errors import ConfigError, RunError
from erpo_explore.launch.cluster_file import ClusterFile

__all__ = ["ensure_token"]

_REMOTE: Final = "~/.ray/auth_token"

_ELSEWHERE: Final = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Variables that name a token elsewhere; with one of them set, Ray would write no file."""


def ensure_token(cluster: ClusterFile, ray_program: str) -> Path | None:
    """Create the token file that a cluster file mounts, unless it exists. `ray` generates the token.

    Returns:
        The token file, or None where the cluster file mounts none.

    Raises:
        ConfigError: Other users can read the file.
        RunError: The file could not be created.
    """
    local = cluster.mounts.get(_REMOTE)
    if local is None:
        return None
    file = Path(local).expanduser()
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # it also prints the token, which must not appear on a screen
        done = subprocess.run(  # noqa: S603 - the program beside this interpreter
            [ray_program, "get-auth-token", "--generate"],
            env={name: value for name, value in os.environ.items() if name not in _ELSEWHERE},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o077,
            check=False,
        )
        if done.returncode != 0 or not file.exists():
            why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise RunError(
                f"the cluster's token {file} could not be created ({why}); "
                "try (umask 077; ray get-auth-token --generate > /dev/null)"
            )
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"the cluster's token {file} can be read by others, who could run code on the cluster; chmod 600 {file}"
        )
    return file
