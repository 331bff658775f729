"""Programs that some tests run besides Python, make, bash and coreutils.

Such a test is marked `@pytest.mark.tools("git")`, and is skipped where the program is missing.
"""

import shutil
from collections.abc import Iterable
from typing import Final

__all__ = ["find", "lacking"]

_PACKAGES: Final = {
    "/usr/sbin/sshd": "openssh-server",
    "chromium": "chromium",
    "flock": "util-linux",
    "git": "git",
    "grep": "grep",
    "ip": "iproute2",
    "mount": "mount",
    "munged": "munge",
    "nsenter": "util-linux",
    "ps": "procps",
    "rsync": "rsync",
    "sbatch": "slurm-client",
    "sed": "sed",
    "setsid": "util-linux",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "ss": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "umount": "mount",
    "unshare": "util-linux",
}
"""Program and the Debian package that contains it."""

_NAMES: Final = {"chromium": ("chromium", "chromium-browser", "google-chrome", "chrome")}
"""Programs that go by several names."""


def find(program: str) -> str | None:
    """Path of a program on this machine; None where it is missing."""
    return next(filter(None, map(shutil.which, _NAMES.get(program, (program,)))), None)


def lacking(programs: Iterable[str]) -> str | None:
    """Which programs are missing and the command that installs them, in one line; None where none is missing."""
    missing = [program for program in programs if find(program) is None]
    if not missing:
        return None
    packages = sorted({_PACKAGES[program] for program in missing})
    return f"needs {', '.join(missing)}; apt-get install {' '.join(packages)}"
