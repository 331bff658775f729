"""Image of the lab's machines: a home with a Python environment, accounts, and keys for sshd."""

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Final

__all__ = ["HOME", "SITE_PACKAGES", "make_image"]

HOME: Final = Path("/srv/home")
"""Home directory of root, the only user of every machine."""

SITE_PACKAGES: Final = Path(sysconfig.get_path("purelib"))
"""Dependencies of the environment that runs the lab."""

_VENV: Final = "erpo-venv"
_REPOSITORY: Final = Path(__file__).parents[3]

_SSHD: Final = """\
HostKey /run/sshd/host_key
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
"""


def make_image(folder: Path, *, installs: bool) -> None:
    """Make an image, which the machines only read.

    Args:
        folder: Destination; must be empty.
        installs: Whether the project can be installed on the machines; this downloads some small wheels.
    """
    home = folder / "home"
    _make_keys(folder, home / ".ssh")
    _make_venv(home / _VENV)
    if installs:
        _make_wheels(home)
    accounts = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
    others = [account for account in accounts if not account.startswith("root:")]
    (folder / "passwd").write_text("\n".join([f"root:x:0:0:root:{HOME}:/bin/bash", *others, ""]), encoding="utf-8")
    (folder / "shadow").write_text("root:*:::::::\n", encoding="utf-8")
    (folder / "one-processor").write_text("0\n", encoding="utf-8")
    (folder / "sshd_config").write_text(_SSHD, encoding="utf-8")


def _make_keys(folder: Path, ssh: Path) -> None:
    """Create the host key of the machines, and a user key that all machines accept and only the laptop has."""
    ssh.mkdir(parents=True, mode=0o700)
    for key in (folder / "host_key", folder / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key], check=True)
    (ssh / "authorized_keys").write_bytes((folder / "id_ed25519.pub").read_bytes())


def _make_venv(venv: Path) -> None:
    """Make an environment; `boot.sh` mounts its site-packages. Scripts are copied with the python of the machine."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    own, machines = f"#!{sys.prefix}/bin/python".encode(), f"#!{HOME}/{_VENV}/bin/python".encode()
    for script in (Path(sys.prefix) / "bin").iterdir():
        copy = venv / "bin" / script.name
        if script.is_file() and not copy.exists() and script.read_bytes().startswith(own):
            copy.write_bytes(script.read_bytes().replace(own, machines, 1))
            copy.chmod(0o755)


def _make_wheels(home: Path) -> None:
    """Download the build requirements of the package, since machines of the lab cannot reach PyPI."""
    build = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-qq"]
    subprocess.run([*pip, "--dest", home / "wheels", *build, "editables"], check=True)
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[global]\nno-index = true\nfind-links = {HOME}/wheels\n", encoding="utf-8")
