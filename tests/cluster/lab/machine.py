"""One machine of the lab."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.lab.image import HOME, SITE_PACKAGES

__all__ = ["Machine", "ip"]

_BOOT: Final = Path(__file__).with_name("boot.sh")
_PATH: Final = f"{HOME}/erpo-venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APART: Final = ("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
_DIES_WITH_THE_LAB: Final = ("setpriv", "--pdeathsig", "KILL")
_BOOT_S: Final = 20.0


def ip(*arguments: str) -> None:
    """Run a command of iproute2; an error has its message."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(kw_only=True)
class Machine:
    """A host with an address on the lab's bridge.

    Attributes:
        name: Host name.
        address: IPv4 address.
        namespace: Network namespace of the machine.
        switch: Network namespace of the bridge.
        image: Folder of the image.
        checkout: Folder of the project that is mounted at ~/checkout, or None.
        disk: Folder of the host that is the disk.
    """

    name: str
    address: str
    namespace: str
    switch: str
    image: Path
    disk: Path
    checkout: Path | None = None
    _init: subprocess.Popen[bytes] | None = None

    @property
    def _port(self) -> str:
        """Name of the bridge's end of the cable."""
        return f"to-{self.name}"

    def plug_in(self, *, disk_size: str) -> None:
        """Create the disk, the network card, the cable and the address.

        Args:
            disk_size: Size in the format of tmpfs; the disk is in memory, so that it can be filled.
        """
        self.disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_size},mode=755", "disk", self.disk], check=True)
        ip("netns", "add", self.namespace)
        ip("-n", self.switch, "link", "add", self._port, "type", "veth", "peer", "eth0", "netns", self.namespace)
        ip("-n", self.switch, "link", "set", self._port, "master", "lan", "up")
        ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "link", "set", "eth0", "up")
        # nothing is routed there; Ray determines its own address by the route to the internet
        ip("-n", self.namespace, "route", "add", "default", "via", "10.99.0.254")

    def boot(self) -> None:
        """Boot from the disk, and wait until sshd listens."""
        arguments = [self.name, self.image, self.disk, SITE_PACKAGES, self.checkout or ""]
        self._init = subprocess.Popen(
            [*_DIES_WITH_THE_LAB, "ip", "netns", "exec", self.namespace, *_APART, "bash", _BOOT, *map(str, arguments)]
        )
        deadline = time.monotonic() + _BOOT_S
        while "LISTEN" not in self._listening():
            if self._init.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"machine {self.name} did not boot; its output is above")
            time.sleep(0.1)

    def _listening(self) -> str:
        sockets = ["ip", "netns", "exec", self.namespace, "ss", "-Hltn", "sport = :22"]
        return subprocess.run(sockets, capture_output=True, text=True, check=True).stdout

    def kill(self) -> None:
        """Power off: all processes end at once, and the disk keeps its files."""
        if self._init is not None:
            processes = self._children()
            self._init.kill()  # --kill-child ends the first process of the machine, the kernel ends all others
            self._init.wait()
            while any(Path(f"/proc/{process}").exists() for process in processes):
                time.sleep(0.05)
            self._init = None

    def unplug(self) -> None:
        """Remove the network and the disk; call `kill` first."""
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        ip("netns", "delete", self.namespace)

    def cut_link(self) -> None:
        """Disconnect the network cable."""
        ip("-n", self.switch, "link", "set", self._port, "down")

    def mend_link(self) -> None:
        """Connect the network cable again."""
        ip("-n", self.switch, "link", "set", self._port, "up")

    def fill_disk(self) -> None:
        """Fill the disk completely."""
        self.run("dd if=/dev/zero of=/srv/filling bs=1M 2> /dev/null; df --output=avail /srv | tail -1", check=False)

    def empty_disk(self) -> None:
        """Remove the filling of the disk."""
        self.run("rm -f /srv/filling")

    def run(self, command: str, *, typed: str = "", check: bool = True, timeout_s: float = 600.0) -> str:
        """Run a command on the machine and return its output.

        Args:
            command: Bash command, run in the home directory.
            typed: Standard input.
            check: Whether a failure raises an error.
            timeout_s: Time limit.

        Raises:
            RuntimeError: The command failed; the message ends with the output.
        """
        done = subprocess.run(
            [*self._enter(), command],
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"[-4000:])
        return done.stdout

    def start(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command on the machine without waiting.

        Args:
            command: Bash command, run in the home directory.
            log: File of the host for the output.
        """
        with log.open("wb") as written:
            return subprocess.Popen([*self._enter(), command], stdout=written, stderr=subprocess.STDOUT)

    def _enter(self) -> list[str]:
        if self._init is None:
            raise RuntimeError(f"machine {self.name} is switched off")
        return [
            *("nsenter", "--target", str(self._children()[0]), "--mount", "--uts", "--ipc", "--net", "--pid"),
            *(f"--wdns={HOME}", "--", "env", "-i", f"HOME={HOME}", f"PATH={_PATH}", "TERM=dumb", "LANG=C.UTF-8"),
            *("RAY_AUTH_MODE=token", "RAY_USAGE_STATS_ENABLED=0", "PYTHONWARNINGS=ignore", "bash", "-c"),
        ]

    def _children(self) -> list[int]:
        """Process ids on the host of the children of `unshare`: the first process of the machine, if it runs."""
        if self._init is None:
            return []
        try:
            listed = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text(encoding="utf-8")
        except OSError:
            return []
        return [int(process) for process in listed.split()]
