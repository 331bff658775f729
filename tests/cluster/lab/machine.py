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
    """Run iproute2's command, and say what it said where it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(kw_only=True)
class Machine:
    """A host with an address on the lab's bridge.

    Attributes:
        name: Its host name.
        address: Its IPv4 address.
        namespace: Its network namespace.
        switch: The network namespace of the bridge.
        image: Folder that it is made from.
        checkout: Folder of the project that it sees at ~/checkout; None for nothing.
        disk: Folder of the host that is its disk.
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
        """The bridge's end of its cable."""
        return f"to-{self.name}"

    def plug_in(self, *, disk_size: str) -> None:
        """Give it a disk, a network card, a cable and an address.

        Args:
            disk_size: As tmpfs writes it: the disk lies in memory, so that it can be filled.
        """
        self.disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_size},mode=755", "disk", self.disk], check=True)
        ip("netns", "add", self.namespace)
        ip("-n", self.switch, "link", "add", self._port, "type", "veth", "peer", "eth0", "netns", self.namespace)
        ip("-n", self.switch, "link", "set", self._port, "master", "lan", "up")
        ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "link", "set", "eth0", "up")
        # nobody routes there, but Ray asks which of its own addresses would be used to reach the world
        ip("-n", self.namespace, "route", "add", "default", "via", "10.99.0.254")

    def boot(self) -> None:
        """Start it, with what is on its disk, and wait until its sshd listens."""
        arguments = [self.name, self.image, self.disk, SITE_PACKAGES, self.checkout or ""]
        self._init = subprocess.Popen(
            [*_DIES_WITH_THE_LAB, "ip", "netns", "exec", self.namespace, *_APART, "bash", _BOOT, *map(str, arguments)]
        )
        deadline = time.monotonic() + _BOOT_S
        while "LISTEN" not in self._listening():
            if self._init.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"machine {self.name} did not come up; what it said is above")
            time.sleep(0.1)

    def _listening(self) -> str:
        sockets = ["ip", "netns", "exec", self.namespace, "ss", "-Hltn", "sport = :22"]
        return subprocess.run(sockets, capture_output=True, text=True, check=True).stdout

    def kill(self) -> None:
        """Pull its plug: every process of it is gone at once; its disk keeps what was written."""
        if self._init is not None:
            processes = self._children()
            self._init.kill()  # --kill-child ends the first process of the machine, and the kernel all others
            self._init.wait()
            while any(Path(f"/proc/{process}").exists() for process in processes):
                time.sleep(0.05)
            self._init = None

    def unplug(self) -> None:
        """Take it off the network for good, and its disk out, if it is in; `kill` first."""
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        ip("netns", "delete", self.namespace)

    def cut_link(self) -> None:
        """Pull its network cable."""
        ip("-n", self.switch, "link", "set", self._port, "down")

    def mend_link(self) -> None:
        """Put it back."""
        ip("-n", self.switch, "link", "set", self._port, "up")

    def fill_disk(self) -> None:
        """Leave not a byte on its disk."""
        self.run("dd if=/dev/zero of=/srv/filling bs=1M 2> /dev/null; df --output=avail /srv | tail -1", check=False)

    def empty_disk(self) -> None:
        """Take the filling away again."""
        self.run("rm -f /srv/filling")

    def run(self, command: str, *, typed: str = "", check: bool = True, timeout_s: float = 300.0) -> str:
        """Run a command as somebody would who sits before it; returns what it wrote.

        Args:
            command: For bash, in the user's home.
            typed: Its standard input.
            check: Whether to raise where it fails.
            timeout_s: How long it may take.

        Raises:
            RuntimeError: It failed; the message ends with what it wrote.
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
        """Start a command in the same place, without waiting.

        Args:
            command: For bash, in the user's home.
            log: File of the host for what it writes.
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
        """Of `unshare`: the machine's first process, as the host numbers it; empty where it has ended."""
        if self._init is None:
            return []
        try:
            listed = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text(encoding="utf-8")
        except OSError:
            return []
        return [int(process) for process in listed.split()]
