"""The lab: machines on one bridge, and the laptop that a cluster is brought up from."""

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
"""What a lab runs."""

_CHECKOUT: Final = Path(__file__).parents[3]
_NETWORK: Final = "10.99.0"


class LabError(Exception):
    """This machine cannot hold a lab."""


def check_host() -> None:
    """Raise LabError where a lab cannot be built, and say what is missing."""
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
            f"this machine makes no network namespaces (a container without privileges?): {error}"
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
        """A lab with a laptop and some machines, which is gone afterwards whatever happens.

        Args:
            names: Of the machines.
            installs: Whether the project can be installed on them.

        Raises:
            LabError: This machine cannot hold one.
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
        """Plug in one more machine and boot it.

        Args:
            name: Its host name, ten letters at the most.
            checkout: What it sees at ~/checkout.
            disk_size: Of its disk, as tmpfs writes it.
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
        """Put cluster/onprem.yaml on the laptop, at ~/onprem.yaml, with nothing changed but what is marked EDIT there.

        Args:
            head: Name of the machine.
            workers: Names of the machines.
        """
        lines = (_CHECKOUT / "cluster" / "onprem.yaml").read_text(encoding="utf-8").splitlines()
        edits: dict[str, Any] = {
            "head_ip": self[head].address,
            "worker_ips": [self[name].address for name in workers],
            "ssh_user": "root",
            "ssh_private_key": "~/.ssh/id_ed25519",
        }
        for place, line in enumerate(lines):
            field = line.partition(":")[0]
            if "# EDIT" in line and field.strip() in edits:
                value = yaml.safe_dump(edits.pop(field.strip()), default_flow_style=True).partition("\n")[0]
                lines[place] = f"{field}: {value}"
        if edits:
            raise LabError(f"cluster/onprem.yaml marks no line EDIT for {', '.join(edits)}")
        (self.folder / "onprem.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")
        self.copy_to_laptop(self.folder / "onprem.yaml", "onprem.yaml")

    def copy_to_laptop(self, file: Path, place: str) -> None:
        """Copy a file of the host to the laptop's home."""
        self["laptop"].run(f"cat > {place}", typed=file.read_text(encoding="utf-8"))

    def _take_down(self) -> None:
        """Kill what runs and remove what was plugged in; one that fails hinders no other."""
        for machine in self.machines.values():
            with suppress(Exception):
                machine.kill()
            with suppress(Exception):
                machine.unplug()
        with suppress(Exception):
            ip("netns", "delete", self._switch)
