"""One exploration as a job on the head: the bash scripts that start, follow and stop it.

A job is a folder, ~/erpo-jobs/NAME, with the files `log`, `pid`, `results` (the results folder or URI) and, after its
end, `exit`. It runs in its own process session, so that it outlives the ssh connection that started it. It holds a
lock while it runs, so that a job that died in a crash or reboot is not mistaken for a running one. The scripts need
bash, GNU coreutils, sed and util-linux, but no tmux.

The scripts prefix their output: `erpo> ` marks a line of the log, `erpo= ` marks a status. Ray's launcher and ssh add
lines with other prefixes.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from erpo_explore.errors import ConfigError, RunError

__all__ = ["LOG", "STATUS", "HeadJob", "job_name"]

LOG: Final = "erpo> "
STATUS: Final = "erpo= "

_JOBS: Final = "erpo-jobs"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

# The launcher sets the two variables that are unset. Output is unbuffered, so that standard output and error keep their
# order. File descriptor 9 is the lock; its holder is alive. `trap : INT` passes SIGINT to the program, and the shell
# outlives it.
_JOB: Final = """\
exec 9> lock; flock -n 9 || {{ echo "{status}running"; exit; }}
if {is_new} && (cd ~ && test -e {results}); then echo "{status}exists"; exit; fi
if test -e log; then mv --backup=numbered -f log log.old; fi
rm -f exit; : > log; : > pid; printf '%s' {results} > results
setsid --fork bash -c {wrapped} > /dev/null 2>&1 < /dev/null
exec 9>&-
for wait in $(seq 100); do test -s pid && break; sleep 0.1; done
test -s pid && echo "{status}started"
"""

_WRAPPED: Final = """\
trap : INT
echo $$ > pid
unset OMP_NUM_THREADS PYTHONWARNINGS
export PYTHONUNBUFFERED=1 COLUMNS=120
(cd ~ && exec {program} >> ~/{folder}/log 2>&1)
echo $? > exit.new
mv exit.new exit
"""

_FOLLOW: Final = """\
cd ~/{folder} 2> /dev/null || {{ echo "{status}unknown"; exit; }}
if flock -n lock true; then tail -n +{first} log | sed 's/^/{log}/';
else tail -n +{first} --pid="$(cat pid)" -s 0.5 -f log | sed -u 's/^/{log}/'; flock -w 10 lock true; fi
if test -e exit; then echo "{status}ended $(cat exit) $(cat results)"; else echo "{status}lost"; fi
"""

_STOP: Final = """\
cd ~/{folder} 2> /dev/null || {{ echo "{status}unknown"; exit; }}
if flock -n lock true; then echo "{status}over"; else kill -INT -- -"$(cat pid)" && echo "{status}stopping"; fi
"""


@dataclass(frozen=True, slots=True)
class HeadJob:
    """Commands for one job.

    Attributes:
        name: Name of the job's folder, and of the results folder.
    """

    name: str

    def __post_init__(self) -> None:
        """Raise ConfigError for a name that a shell could misread."""
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"the results folder's name must consist of letters, digits, '.', '_' and '-', got {self.name!r}; "
                "add --results results/NAME"
            )

    @property
    def folder(self) -> str:
        """Folder of the job, relative to the home directory of the head."""
        return f"{_JOBS}/{self.name}"

    def start(self, program: Sequence[str], results: str, *, is_new: bool) -> str:
        """Command that runs a program in the head's home directory.

        Its status is `started`, `running` (the job runs already) or `exists` (the results folder does).

        Args:
            program: Program with its arguments.
            results: Results folder or URI, for the status at the end.
            is_new: Whether the results folder must not exist yet.
        """
        wrapped = _WRAPPED.format(program=shlex.join(program), folder=self.folder)
        job = _JOB.format(
            wrapped=shlex.quote(wrapped), results=shlex.quote(results), is_new=str(is_new).lower(), status=STATUS
        )
        return _script(f"mkdir -p ~/{self.folder} && cd ~/{self.folder} || exit\n{job}")

    def follow(self, first: int) -> str:
        """Command that prints the log from line `first`, counted from 1, until the job ends.

        Its status is `ended CODE RESULTS`, `lost` (killed without an exit code) or `unknown` (no such job).
        """
        return _script(_FOLLOW.format(folder=self.folder, first=first, log=LOG, status=STATUS))

    def stop(self) -> str:
        """Command that interrupts the job as Ctrl-C would; its status is `stopping`, `over` or `unknown`."""
        return _script(_STOP.format(folder=self.folder, status=STATUS))

    def unknown_error(self, cluster_file: Path) -> RunError:
        """Error for a job that the head does not have."""
        return RunError(
            f"there is no exploration {self.name} on the head; `ray exec {cluster_file} 'ls erpo-jobs'` lists them"
        )


def job_name(results: str) -> str:
    """Name of the job for a results folder or URI: its last part."""
    return PurePosixPath(results).name


def _script(text: str) -> str:
    """Quote a script as one command: the launcher puts it into a command line with && and parentheses."""
    return f"bash -c {shlex.quote(text)}"
