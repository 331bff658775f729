"""Ray's launcher as a program: up, get-head-ip, exec, rsync-up, rsync-down."""

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

__all__ = ["RayLauncher", "failure_reason"]

_REASON: Final = re.compile(
    r"ssh:|rsync|Connection |Timeout|Host key|kex_|client_loop|Load key|.*(Permission denied|No such file|No space)"
)
"""Beginnings of lines in which ssh and rsync report an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayLauncher:
    """The program `ray` and the cluster file for its calls.

    Attributes:
        program: Path of `ray` in this environment.
        cluster_file: Path of the cluster file.
    """

    program: str
    cluster_file: Path

    @classmethod
    def find(cls, cluster_file: Path) -> "RayLauncher":
        """Find `ray` beside this interpreter, whose version is that of the cluster, or else on PATH.

        Raises:
            ConfigError: `ray` is not installed, or ssh or rsync, which it calls.
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
        """Whether the provider has a head node, reachable or not."""
        done = subprocess.run(self._words("get-head-ip"), env=_environment(), capture_output=True, check=False)  # noqa: S603
        return done.returncode == 0

    def up(self) -> None:
        """Start the cluster; the output goes to the terminal.

        Raises:
            RunError: The start failed.
        """
        done = subprocess.run(self._words("up", "-y"), env=_environment(), check=False)  # noqa: S603
        if done.returncode != 0:
            raise RunError(
                f"the cluster did not start (exit code {done.returncode}, see above); fix the error and submit again, "
                f"or end its costs with `ray down {self.cluster_file}`"
            )

    @contextmanager
    def lines(self, command: str) -> Iterator[Iterator[str]]:
        """Run a command on the head and yield its output line by line; leaving the context ends the connection.

        The output includes lines of the launcher and of ssh. The process has its own session, so that Ctrl-C reaches
        this program alone.
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
        output = cast("IO[str]", process.stdout)  # a pipe, which the type does not show
        try:
            yield (line.rstrip("\r\n") for line in output)
        finally:
            with suppress(ProcessLookupError):  # it has already ended
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            output.close()

    def output(self, command: str) -> list[str]:
        """Run a short command on the head and return its output, with lines of the launcher and of ssh."""
        with self.lines(command) as lines:
            return list(lines)

    def rsync_up(self, local: str, remote: str) -> None:
        """Copy to the head. A slash at the end of both paths copies the content of the folder, as for rsync.

        Raises:
            RunError: The copy failed.
        """
        self._rsync("rsync-up", local, remote)

    def rsync_down(self, remote: str, local: str) -> None:
        """Copy from the head.

        Raises:
            RunError: The copy failed.
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
            why = failure_reason((done.stdout + done.stderr).splitlines())
            raise RunError(
                f"{source} could not be copied to {target} ({why}); "
                f"try `ray {direction} {self.cluster_file} '{source}' '{target}'`"
            )

    def _words(self, subcommand: str, *rest: str) -> list[str]:
        options = rest if subcommand == "up" else ()
        arguments = () if subcommand == "up" else rest
        return [self.program, subcommand, *options, str(self.cluster_file), *arguments]


def failure_reason(lines: list[str]) -> str:
    """Reason why a command of the launcher failed: the error of ssh or rsync, or else the last line.

    The launcher repeats the whole failed command over many lines, which does not help the user.
    """
    printed = [line.strip() for line in lines if line.strip()]
    reasons = [line for line in printed if _REASON.match(line)]
    other = [line for line in printed if line.startswith("Error")] or printed
    return (reasons or other or ["no output"])[-1][:300]


def _environment() -> dict[str, str]:
    return os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
