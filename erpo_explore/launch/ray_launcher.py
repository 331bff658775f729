"""Ray's launcher as commands: up, get-head-ip, exec, rsync-up, rsync-down."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from erpo_explore.errors import ConfigError, RunError

__all__ = ["RayLauncher", "last_words"]

_REASON: Final = re.compile(
    r"ssh:|rsync|Connection |Timeout|Host key|kex_|client_loop|Load key|.*(Permission denied|No such file|No space)"
)
"""How ssh and rsync begin to say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayLauncher:
    """The `ray` command and the cluster file it is called with.

    Attributes:
        program: The `ray` of this environment.
        cluster_file: For `ray up`.
    """

    program: str
    cluster_file: Path

    @classmethod
    def find(cls, cluster_file: Path) -> "RayLauncher":
        """With the `ray` beside this interpreter, whose version the cluster's is, else the one on PATH.

        Raises:
            ConfigError: There is none, or no ssh or rsync, which it calls.
        """
        beside = str(Path(sys.executable).parent)
        program = shutil.which("ray", path=beside) or shutil.which("ray")
        if program is None:
            raise ConfigError("Ray's launcher is not installed here; pip install '.[cluster]'")
        for needed in ("ssh", "rsync"):
            if shutil.which(needed) is None:
                raise ConfigError(f"{needed} is not installed here, and Ray's launcher calls it; apt install {needed}")
        return cls(program=program, cluster_file=cluster_file)

    def head_exists(self) -> bool:
        """Whether the provider knows a head, which need not be reachable."""
        done = subprocess.run(self._words("get-head-ip"), env=_environment(), capture_output=True, check=False)  # noqa: S603
        return done.returncode == 0

    def up(self) -> None:
        """Bring the cluster up; its output goes to the terminal.

        Raises:
            RunError: It did not come up.
        """
        done = subprocess.run(self._words("up", "-y"), env=_environment(), check=False)  # noqa: S603
        if done.returncode != 0:
            raise RunError(
                f"the cluster did not come up (exit code {done.returncode}, see above); mend that and submit again, or "
                f"end what it costs with `ray down {self.cluster_file}`"
            )

    @contextmanager
    def lines(self, command: str) -> Iterator[Iterator[str]]:
        """What a command says on the head, line by line as it comes; leaving the context cuts the connection.

        Lines of the launcher itself and of ssh are among them. The process has a session of its own, so that Ctrl-C
        reaches this program alone.
        """
        process = subprocess.Popen(  # noqa: S603
            self._words("exec", command),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        said = cast("IO[str]", process.stdout)  # it is a pipe, which the type does not say
        try:
            yield (line.rstrip("\r\n") for line in said)
        finally:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            said.close()

    def output(self, command: str) -> list[str]:
        """All that a short command says on the head, with what the launcher and ssh say."""
        with self.lines(command) as lines:
            return list(lines)

    def rsync_up(self, local: str, remote: str) -> None:
        """Copy to the head. A slash at the end of both means what lies in the folder, as for rsync.

        Raises:
            RunError: It failed.
        """
        self._rsync("rsync-up", local, remote)

    def rsync_down(self, remote: str, local: str) -> None:
        """Copy from the head.

        Raises:
            RunError: It failed.
        """
        self._rsync("rsync-down", remote, local)

    def _rsync(self, direction: str, source: str, target: str) -> None:
        done = subprocess.run(  # noqa: S603
            self._words(direction, source, target),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            why = last_words((done.stdout + done.stderr).splitlines())
            raise RunError(
                f"{source} could not be copied to {target} ({why}); "
                f"try `ray {direction} {self.cluster_file} '{source}' '{target}'`"
            )

    def _words(self, subcommand: str, *rest: str) -> list[str]:
        options = rest if subcommand == "up" else ()
        arguments = () if subcommand == "up" else rest
        return [self.program, subcommand, *options, str(self.cluster_file), *arguments]


def last_words(lines: list[str]) -> str:
    """Why a command of the launcher failed, for a message: ssh's or rsync's own words, else the last ones.

    The launcher repeats the whole command that failed, over many lines, which tells a user nothing.
    """
    said = [line.strip() for line in lines if line.strip()]
    reasons = [line for line in said if _REASON.match(line)]
    other = [line for line in said if line.startswith("Error")] or said
    return (reasons or other or ["it said nothing"])[-1][:300]


def _environment() -> dict[str, str]:
    return os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
