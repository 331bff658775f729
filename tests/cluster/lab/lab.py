"""The lab: machines on one bridge, and the laptop that starts a cluster."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.lab.image import make_image
from tests.cluster.lab.machine import Machine, ip
from tests.tools import lacking

__all__ = ["PROGRAMS", "Lab", "LabError"]

PROGRAMS: Final = (
    "ip",
    "ss",
    "/usr/sbin/sshd",
    "ssh",
    "ssh-keygen",
    "rsync",
    "mount",
    "umount",
    "ps",
    "unshare",
    "nsenter",
)
"""Programs that a lab needs."""

_CHECKOUT: Final = Path(__file__).parents[3]
_NETWORK: Final = "10.99.0"


class LabError(Exception):
    """This machine cannot run a lab."""


def check_host() -> None:
    """Check that a lab can be built.

    Raises:
        LabError: Rights, programs or network namespaces are missing.
    """
    if os.geteuid() != 0:
        raise LabError("a lab of machines needs root, since it makes network namespaces and mounts; run it with sudo")
    if lack := lacking(PROGRAMS):
        raise LabError(f"a lab of machines {lack}")
    name = f"erpo-probe-{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "delete", name)
    except RuntimeError as error:
        raise LabError(
            f"this machine cannot create network namespaces (a container without privileges?): {error}"
        ) from error


class Lab:
    """Machines by name; use `Lab.build`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machines: dict[str, Machine] = {}
        self._switch = f"erpo-{os.getpid()}-switch"

    @staticmethod
    @contextmanager
    def build(*names: str, installs: bool = True) -> Iterator["Lab"]:
        """Build a lab with a laptop and machines; it is always removed afterwards.

        Args:
            names: Names of the machines.
            installs: Whether the project can be installed on them.

        Raises:
            LabError: This machine cannot run a lab.
        """
        check_host()
        with tempfile.TemporaryDirectory(prefix="erpo-lab-") as folder:
            lab = Lab(Path(folder))
            (lab.folder / "image").mkdir()
            make_image(lab.folder / "image", installs=installs)
            try:
                ip("netns", "add", lab._switch)
                ip("-n", lab._switch, "link", "add", "lan", "type", "bridge")
                ip("-n", lab._switch, "link", "set", "lan", "up")
                lab.add("laptop", checkout=_CHECKOUT)
                lab.copy_to_laptop(lab.folder / "image" / "id_ed25519", ".ssh/id_ed25519")
                lab["laptop"].run("chmod 600 .ssh/id_ed25519; umask 077; ray get-auth-token --generate > /dev/null")
                for name in names:
                    lab.add(name)
                yield lab
            finally:
                lab._take_down()

    def add(self, name: str, *, checkout: Path | None = None, disk_size: str = "1g") -> Machine:
        """Add a machine and boot it.

        Args:
            name: Host name, at most ten letters.
            checkout: Folder that is mounted at ~/checkout.
            disk_size: Size of the disk, in the format of tmpfs.
        """
        machine = Machine(
            name=name,
            address=f"{_NETWORK}.{len(self.machines) + 1}",
            namespace=f"erpo-{os.getpid()}-{name}",
            switch=self._switch,
            image=self.folder / "image",
            disk=self.folder / "disks" / name,
            checkout=checkout,
        )
        self.machines[name] = machine
        machine.plug_in(disk_size=disk_size)
        machine.boot()
        return machine

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def write_cluster_file(self, head: str, workers: tuple[str, ...]) -> None:
        """Copy cluster/onprem.yaml to ~/onprem.yaml on the laptop, and change only the lines that are marked EDIT.

        Args:
            head: Name of the head.
            workers: Names of the workers.
        """
        lines = (_CHECKOUT / "cluster" / "onprem.yaml").read_text(encoding="utf-8").splitlines()
        edits: dict[str, Any] = {
            "head_ip": self[head].address,
            "worker_ips": [self[name].address for name in workers],
            "ssh_user": "root",
            "ssh_private_key": "~/.ssh/id_ed25519",
        }
        for number, line in enumerate(lines):
            field = line.partition(":")[0]
            if "# EDIT" in line and field.strip() in edits:
                value = yaml.safe_dump(edits.pop(field.strip()), default_flow_style=True).partition("\n")[0]
                lines[number] = f"{field}: {value}"
        if edits:
            raise LabError(f"cluster/onprem.yaml has no line marked EDIT for {', '.join(edits)}")
        (self.folder / "onprem.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")
        self.copy_to_laptop(self.folder / "onprem.yaml", "onprem.yaml")

    def copy_to_laptop(self, file: Path, target: str) -> None:
        """Copy a file of the host into the home directory of the laptop."""
        self["laptop"].run(f"cat > {target}", typed=file.read_text(encoding="utf-8"))

    def _take_down(self) -> None:
        """Kill and remove all machines; an error with one does not stop the others."""
        for machine in self.machines.values():
            with suppress(Exception):
                machine.kill()
            with suppress(Exception):
                machine.unplug()
        with suppress(Exception):
            ip("netns", "delete", self._switch)
