"""One exploration as a job of the head: what bash runs there to start it, to follow it and to stop it.

A job is a folder, ~/erpo-jobs/NAME, with `log`, `pid`, `results` (the folder that it fills) and, once it has ended,
`exit`. It runs in a session of its own, so that it outlives the ssh connection that started it, and holds a lock as
long as it lives, so that one that a crash or a reboot took is not mistaken for one that runs. Needs bash, GNU
coreutils, sed and util-linux, no tmux.

What the follower reads are lines of its own: `erpo> ` before a line of the log, `erpo= ` before what it says itself.
Ray's launcher and ssh mix theirs in, and these begin otherwise.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from erpo_explore.errors import ConfigError

__all__ = ["LOGGED", "SAID", "HeadJob", "job_name"]

LOGGED: Final = "erpo> "
SAID: Final = "erpo= "

_JOBS: Final = "erpo-jobs"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

# the launcher sets the two variables that are unset; unbuffered, so that standard output and error keep their order.
# fd 9 is the lock: who holds it is alive. `trap : INT` lets the program see Ctrl-C's signal, and the shell outlive it.
_JOB: Final = """\
exec 9> lock; flock -n 9 || {{ echo "{said}running"; exit; }}
if {is_new} && (cd ~ && test -e {results}); then echo "{said}exists"; exit; fi
if test -e log; then mv --backup=numbered -f log log.old; fi
rm -f exit; : > log; : > pid; printf '%s' {results} > results
setsid --fork bash -c {wrapped} > /dev/null 2>&1 < /dev/null
exec 9>&-
for wait in $(seq 100); do test -s pid && break; sleep 0.1; done
test -s pid && echo "{said}started"
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
cd ~/{folder} 2> /dev/null || {{ echo "{said}unknown"; exit; }}
if flock -n lock true; then tail -n +{first} log | sed 's/^/{logged}/';
else tail -n +{first} --pid="$(cat pid)" -s 0.5 -f log | sed -u 's/^/{logged}/'; flock -w 10 lock true; fi
if test -e exit; then echo "{said}ended $(cat exit) $(cat results)"; else echo "{said}lost"; fi
"""

_STOP: Final = """\
cd ~/{folder} 2> /dev/null || {{ echo "{said}unknown"; exit; }}
if flock -n lock true; then echo "{said}over"; else kill -INT -- -"$(cat pid)" && echo "{said}stopping"; fi
"""


@dataclass(frozen=True, slots=True)
class HeadJob:
    """A job's commands.

    Attributes:
        name: Of its folder; also of the results folder.
    """

    name: str

    def __post_init__(self) -> None:
        """Raise ConfigError where the name is no plain name."""
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"the results folder's name must be of letters, digits, '.', '_' and '-', got {self.name!r}; "
                "add --results results/NAME"
            )

    @property
    def folder(self) -> str:
        """Of the job, relative to the head's home."""
        return f"{_JOBS}/{self.name}"

    def start(self, program: Sequence[str], results: str, *, is_new: bool) -> str:
        """Run a program from the head's home; says `started`, or `running` or `exists` where it does not.

        Args:
            program: With its arguments.
            results: The folder or URI that it fills, for who follows.
            is_new: Whether that must not be there yet.
        """
        wrapped = _WRAPPED.format(program=shlex.join(program), folder=self.folder)
        job = _JOB.format(
            wrapped=shlex.quote(wrapped), results=shlex.quote(results), is_new=str(is_new).lower(), said=SAID
        )
        return _script(f"mkdir -p ~/{self.folder} && cd ~/{self.folder} || exit\n{job}")

    def follow(self, first: int) -> str:
        """Hand on the log from its line `first`, counted from 1, until the job ends.

        Says `ended CODE RESULTS`, `lost` where it was killed and left no exit code, or `unknown` where there is no job.
        """
        return _script(_FOLLOW.format(folder=self.folder, first=first, logged=LOGGED, said=SAID))

    def stop(self) -> str:
        """What Ctrl-C does where it runs in a terminal: says `stopping`, `over` or `unknown`."""
        return _script(_STOP.format(folder=self.folder, said=SAID))


def job_name(results: str) -> str:
    """The name of a results folder or URI: its last part."""
    return PurePosixPath(results).name


def _script(text: str) -> str:
    """One command: the launcher wraps it into a command line, which joins with && and parentheses."""
    return f"bash -c {shlex.quote(text)}"
