"""What every machine of the lab is made from: a home with a Python environment, accounts, and the keys of its sshd."""

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Final

__all__ = ["HOME", "SITE_PACKAGES", "make_image"]

HOME: Final = Path("/srv/home")
"""Of every machine's only user, root."""

SITE_PACKAGES: Final = Path(sysconfig.get_path("purelib"))
"""The dependencies, installed where the lab itself runs."""

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
    """Make an image, which machines only read.

    Args:
        folder: Where; must be empty.
        installs: Whether the project can be installed on the machines; takes a download of some small wheels.
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
    """The machines' host key, and a user's key, which all machines know and the laptop alone has."""
    ssh.mkdir(parents=True, mode=0o700)
    for key in (folder / "host_key", folder / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key], check=True)
    (ssh / "authorized_keys").write_bytes((folder / "id_ed25519.pub").read_bytes())


def _make_venv(venv: Path) -> None:
    """An environment whose site-packages are mounted by `boot.sh`; its scripts are the lab's own, with its python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    own, machines = f"#!{sys.prefix}/bin/python".encode(), f"#!{HOME}/{_VENV}/bin/python".encode()
    for script in (Path(sys.prefix) / "bin").iterdir():
        copy = venv / "bin" / script.name
        if script.is_file() and not copy.exists() and script.read_bytes().startswith(own):
            copy.write_bytes(script.read_bytes().replace(own, machines, 1))
            copy.chmod(0o755)


def _make_wheels(home: Path) -> None:
    """What building the package needs, which no environment keeps: the lab has no way to PyPI."""
    build = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-qq"]
    subprocess.run([*pip, "--dest", home / "wheels", *build, "editables"], check=True)
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[global]\nno-index = true\nfind-links = {HOME}/wheels\n", encoding="utf-8")
