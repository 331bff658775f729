"""A Ray cluster in the lab, used as its user would use it: with `ray up`, `ray submit` and pandas."""

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
"""Of it: an algorithm and five members."""

NUM_REPORTS: Final = 3
"""Of each trial of it."""

_TABLE: Final = """
import pandas
print(pandas.read_parquet('{folder}/{table}').drop(columns='values', errors='ignore').to_json(date_format='iso'))
"""


def wait_until(condition: Callable[[], bool], what: str, *, limit_s: float) -> float:
    """Wait for a condition; returns the seconds that it took.

    Raises:
        TimeoutError: It did not come in time; the message says what was waited for.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_s:
            raise TimeoutError(f"waited {limit_s:.0f} s in vain until {what}")
        time.sleep(0.5)
    return time.monotonic() - started


class Cluster:
    """The cluster of `cluster/onprem.yaml`.

    Attributes:
        lab: Where it is.
        head: Name of the machine that holds driver and results.
        workers: Names of the others.
    """

    def __init__(self, lab: Lab, head: str, *workers: str) -> None:
        self.lab, self.head, self.workers = lab, head, workers
        self._num_logs = 0

    def up(self, *, num_on: int | None = None) -> None:
        """`ray up`, and wait until every machine is there.

        Args:
            num_on: How many are switched on; None for all.
        """
        self.lab.write_cluster_file(self.head, self.workers)
        self.lab.copy_to_laptop(SPACE, "space.yaml")
        self._ray("up --yes ~/onprem.yaml")
        self._ray("rsync-up ~/onprem.yaml ~/space.yaml '~/space.yaml'")
        self.wait_for_slots(num_on or 1 + len(self.workers))

    def down(self) -> None:
        """`ray down`."""
        self._ray("down --yes ~/onprem.yaml")

    def _ray(self, command: str) -> None:
        """Type a command of Ray's launcher on the laptop, at the root of the checkout."""
        self.lab["laptop"].run(f"cd ~/checkout && ray {command} 2>&1")

    def num_processes(self) -> int:
        """Processes of Ray on all machines of the cluster."""
        machines = [self.lab[name] for name in (self.head, *self.workers)]
        return sum(int(machine.run("pgrep -c 'raylet|gcs_server' || true")) for machine in machines)

    def wait_for_slots(self, number: int, *, limit_s: float = 150.0) -> float:
        """Wait until Ray counts so many processors; returns the seconds that it took."""
        return wait_until(lambda: self.num_slots() == number, f"the cluster has {number} slots", limit_s=limit_s)

    def num_slots(self) -> int:
        """Processors that Ray counts, one a machine."""
        status = self.lab[self.head].run("ray status 2>/dev/null", check=False)
        counts = [line.split()[0] for line in status.splitlines() if line.strip().endswith(" CPU")]
        return int(float(counts[0].partition("/")[2])) if counts else 0

    def submit(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`ray submit … explore.py ARGUMENTS`, without waiting; `last_log` has what it writes."""
        self._num_logs += 1
        command = f"cd ~/checkout && exec ray submit ~/onprem.yaml explore.py {' '.join(arguments)}"
        return self.lab["laptop"].start(command, self.last_log)

    @property
    def last_log(self) -> Path:
        """What the last submitted driver has written."""
        return self.lab.folder / f"submit-{self._num_logs}.log"

    def last_words(self) -> str:
        """The end of what the last submitted driver has written."""
        return self.last_log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def friendly_submit(self, *arguments: str) -> str:
        """`explore.py submit --cluster … ARGUMENTS`, to its end; returns what it wrote.

        Raises:
            RuntimeError: It failed; the message ends with what it wrote.
        """
        command = f"python explore.py submit --cluster ~/onprem.yaml {' '.join(arguments)}"
        return self.lab["laptop"].run(f"cd ~/checkout && {command} 2>&1")

    def table(self, name: str, folder: str = "results/lab", *, machine: str | None = None) -> pd.DataFrame:
        """A table of the results as plain pandas reads it on a machine, the head; empty where there is none yet."""
        script = _TABLE.format(folder=folder, table=name)
        written = self.lab[machine or self.head].run("python - 2> /dev/null", typed=script, check=False)
        return pd.read_json(io.StringIO(written)) if written.strip() else pd.DataFrame()
