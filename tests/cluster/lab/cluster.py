"""A Ray cluster in the lab, used as by a user: with `ray up`, `ray submit` and pandas."""

import io
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from tests.cluster.lab.lab import Lab

__all__ = ["NUM_REPORTS", "NUM_TRIALS", "Cluster", "wait_until"]

SPACE: Final = Path(__file__).with_name("space.yaml")
NUM_TRIALS: Final = 6
"""Trials of the space: an algorithm and five members."""

NUM_REPORTS: Final = 3
"""Reports per trial of the space."""

_TABLE: Final = """
import pandas
print(pandas.read_parquet('{folder}/{table}').drop(columns='values', errors='ignore').to_json(date_format='iso'))
"""


def wait_until(condition: Callable[[], bool], what: str, *, limit_s: float) -> float:
    """Wait for a condition and return the duration in seconds.

    Raises:
        TimeoutError: The condition was not met in time; the message names it.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_s:
            raise TimeoutError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.5)
    return time.monotonic() - started


class Cluster:
    """The cluster of `cluster/onprem.yaml`.

    Attributes:
        lab: Lab with the machines.
        head: Name of the machine with the driver and the results.
        workers: Names of the other machines.
    """

    def __init__(self, lab: Lab, head: str, *workers: str) -> None:
        self.lab, self.head, self.workers = lab, head, workers
        self._num_logs = 0

    def up(self, *, num_on: int | None = None) -> None:
        """Run `ray up` and wait until every machine has joined.

        Args:
            num_on: Number of machines that are switched on. None: all.
        """
        self.lab.write_cluster_file(self.head, self.workers)
        self.lab.copy_to_laptop(SPACE, "space.yaml")
        self._ray("up --yes ~/onprem.yaml")
        self._ray("rsync-up ~/onprem.yaml ~/space.yaml '~/space.yaml'")
        self.wait_for_slots(num_on or 1 + len(self.workers))

    def down(self) -> None:
        """Run `ray down`."""
        self._ray("down --yes ~/onprem.yaml")

    def _ray(self, command: str) -> None:
        """Run a command of Ray's launcher on the laptop, at the root of the checkout."""
        self.lab["laptop"].run(f"cd ~/checkout && ray {command} 2>&1")

    def num_processes(self) -> int:
        """Number of Ray's processes on all machines of the cluster."""
        machines = [self.lab[name] for name in (self.head, *self.workers)]
        return sum(int(machine.run("pgrep -c 'raylet|gcs_server' || true")) for machine in machines)

    def wait_for_slots(self, number: int, *, limit_s: float = 150.0) -> float:
        """Wait until Ray counts this number of processors, and return the duration in seconds."""
        return wait_until(lambda: self.num_slots() == number, f"the cluster has {number} slots", limit_s=limit_s)

    def num_slots(self) -> int:
        """Processors that Ray counts, one per machine."""
        status = self.lab[self.head].run("ray status 2>/dev/null", check=False)
        counts = [line.split()[0] for line in status.splitlines() if line.strip().endswith(" CPU")]
        return int(float(counts[0].partition("/")[2])) if counts else 0

    def submit(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `ray submit … explore.py ARGUMENTS` without waiting; its output goes to `last_log`."""
        self._num_logs += 1
        command = f"cd ~/checkout && exec ray submit ~/onprem.yaml explore.py {' '.join(arguments)}"
        return self.lab["laptop"].start(command, self.last_log)

    @property
    def last_log(self) -> Path:
        """File with the output of the last submitted driver."""
        return self.lab.folder / f"submit-{self._num_logs}.log"

    def last_output(self) -> str:
        """End of the output of the last submitted driver."""
        return self.last_log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def submit_and_follow(self, *arguments: str) -> str:
        """Run `explore.py submit --cluster … ARGUMENTS` to its end, and return the output.

        Raises:
            RuntimeError: The command failed; the message ends with the output.
        """
        command = f"python explore.py submit --cluster ~/onprem.yaml {' '.join(arguments)}"
        return self.lab["laptop"].run(f"cd ~/checkout && {command} 2>&1")

    def table(self, name: str, folder: str = "results/lab", *, machine: str | None = None) -> pd.DataFrame:
        """Table of the results as pandas reads it on a machine (default: the head); empty before it exists."""
        script = _TABLE.format(folder=folder, table=name)
        written = self.lab[machine or self.head].run("python - 2> /dev/null", typed=script, check=False)
        return pd.read_json(io.StringIO(written)) if written.strip() else pd.DataFrame()
