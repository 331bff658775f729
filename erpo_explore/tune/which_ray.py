"""Which Ray an exploration uses: a cluster that is named, the one of this machine, or a new one.

Importing this module does not import Ray, so that a dead cluster is reported before anything else takes time.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from erpo_explore.errors import RunError

__all__ = ["check_answers", "cluster_to_join", "silence_of"]

_LOCAL: Final = "local"
_AUTO: Final = "auto"
_VARIABLE: Final = "RAY_ADDRESS"

_PATIENCE_S: Final = 10.0


def check_answers(address: str | None) -> None:
    """Check that a cluster that the user named answers, unless this process is connected already.

    Args:
        address: As for `cluster_to_join`.

    Raises:
        RunError: It does not.
    """
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        _named(address)


def cluster_to_join(address: str | None) -> str | None:
    """Address of the cluster to join; None where a new Ray is to be started on this machine.

    Ray would wait for minutes for a cluster that has ended, so it is called first.

    Args:
        address: What the user named: HOST:PORT, `local`, `auto`, or None for the environment variable RAY_ADDRESS.
            Where neither names a cluster, it is the one that this user started on this machine with `ray start`.

    Raises:
        RunError: The named cluster does not answer.
    """
    named = _named(address)
    if named == _LOCAL:
        return None
    if named is not None:
        return named
    found = _started_here()
    if found is None and address == _AUTO:
        raise RunError("--address auto: no Ray of yours runs on this machine; use `--address local` to start one")
    return found


def _named(address: str | None) -> str | None:
    """The cluster that the user named, `local`, or None.

    Raises:
        RunError: The cluster does not answer.
    """
    name, named = ("--address", address) if address not in (None, _AUTO) else (_VARIABLE, os.environ.get(_VARIABLE))
    if named in (None, "", _AUTO):
        return None
    if named != _LOCAL and (silence := silence_of(str(named))) is not None:
        raise RunError(
            f"{name} is {named}, but no Ray answers there ({silence}); start it, name another one with `--address`, "
            "or use `--address local` for a new one on this machine"
        )
    return named


def silence_of(address: str) -> str | None:
    """Why nothing answers at an address; None where something does."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        return "it must be HOST:PORT"
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_S):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _started_here() -> str | None:
    """Address of the cluster that `ray start` of this user last started on this machine; None where it has ended."""
    from erpo_explore.tune._ray_internals import address_file

    file = Path(address_file())
    try:
        # another user's cluster would refuse this user's token
        written = file.read_text(encoding="utf-8").strip() if file.stat().st_uid == os.getuid() else ""
    except OSError:
        return None
    return written if written and silence_of(written) is None else None
