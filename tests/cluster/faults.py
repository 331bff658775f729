"""`make cluster-faults`: losses when machines of a cluster die, lose the network, have a full disk, join late or leave.

Every fault hits a separate exploration, on one cluster in the lab. The exploration must end by itself or with one
`resume`, with every report exactly once. At most one report per trial may have been made twice. The program prints the
table of docs/reliability.md. Arguments select faults by the names of their functions.
"""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from tests.cluster.lab import Lab, LabError
from tests.cluster.lab.cluster import NUM_TRIALS, Cluster, wait_until
from tests.cluster.lab.ledger import check_complete
from tests.cluster.lab.losses import Losses, losses

NUM_REPORTS = 4
INTERVAL = 800
"""Steps per interval, about 6 s on one processor."""

STRUCK_AFTER = 6
"""Reports of 24 before the fault: every machine trains by then, and most of the work remains."""


@dataclass(kw_only=True)
class Drill:
    """One exploration with a fault.

    Attributes:
        cluster: Cluster that runs it.
        name: Name of the results folder.
        resumed: Whether it had to be resumed.
        struck_at: Time of the fault, or of the `resume` after it, in seconds of the epoch.
    """

    cluster: Cluster
    name: str
    resumed: bool = False
    struck_at: float = 0.0
    before: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures_before: dict[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Results folder, relative to the home directory of the head."""
        return f"results/{self.name}"

    def begin(self) -> None:
        """Submit the exploration and wait for the first reports."""
        settings = f"--set training.steps={NUM_REPORTS * INTERVAL} --set training.interval={INTERVAL}"
        self.driver = self.cluster.submit("space.yaml", settings, "--results", self.folder)
        wait_until(lambda: self._has_ended() or self._num_reports() >= STRUCK_AFTER, "trials report", limit_s=240)
        assert not self._has_ended(), f"the driver ended before the fault:\n{self.cluster.last_output()}"

    def strike(self, fault: Callable[[], object]) -> None:
        """Store the tables before the fault, then cause it."""
        self.before = self.cluster.table("observations", self.folder)
        self.failures_before = self._failures()
        self.struck_at = time.time()
        fault()

    def end(self) -> Losses:
        """Wait for the end, resume once if necessary, and check the rows.

        Raises:
            AssertionError: The exploration failed, rows are missing, or too much was trained twice.
        """
        self.driver.wait(timeout=400)
        if self.driver.returncode != 0:
            self.resumed, self.struck_at = True, time.time()
            driver = self.cluster.submit("resume", self.folder)
            driver.wait(timeout=400)
            assert driver.returncode == 0, f"resume ended with {driver.returncode}:\n{self.cluster.last_output()}"
        after, trials = (self.cluster.table(table, self.folder) for table in ("observations", "trials"))
        check_complete(after, trials, num_trials=NUM_TRIALS, num_reports=NUM_REPORTS)
        failures = {trial: count - self.failures_before[trial] for trial, count in self._failures().items()}
        lost = losses(self.before, after, failures, since=self.struck_at, driver_died=self.resumed)
        assert lost.most_repeated <= 1, f"a trial made {lost.most_repeated} reports twice"
        return lost

    def trained(self, machine: str) -> int:
        """Number of reports of a machine since the fault."""
        after = self.cluster.table("observations", self.folder)
        when = pd.to_datetime(after["reported_at"], utc=True)
        return int((after["node"][when > pd.Timestamp(self.struck_at, unit="s", tz="UTC")] == machine).sum())

    def wait_for_training_on(self, machine: str) -> None:
        """Wait until a worker on the machine is within an interval."""
        training = "pgrep -f '^ray::.*[.]train' || true"
        wait_until(lambda: bool(self.cluster.lab[machine].run(training).strip()), f"{machine} trains", limit_s=120)

    def _failures(self) -> dict[str, int]:
        trials = self.cluster.table("trials", self.folder)
        return dict(zip(trials["trial"], trials["num_failures"].astype(int), strict=True))

    def _num_reports(self) -> int:
        listed = self.cluster.lab[self.cluster.head].run(f"ls {self.folder}/observations 2> /dev/null", check=False)
        return sum(name.endswith(".parquet") for name in listed.split())

    def _has_ended(self) -> bool:
        return self.driver.poll() is not None


def a_machine_that_joins_late(cluster: Cluster) -> tuple[Drill, Losses]:
    """A machine in the cluster file is switched on while the exploration runs, and trains."""
    drill = Drill(cluster=cluster, name="joins")
    drill.begin()
    drill.strike(cluster.lab["node-2"].boot)
    lost = drill.end()
    assert drill.trained("node-2") > 0, "the machine that joined has trained nothing"
    return drill, lost


def a_machine_killed(cluster: Cluster) -> tuple[Drill, Losses]:
    """All processes of a worker machine die within an interval; it boots again afterwards."""
    drill = Drill(cluster=cluster, name="killed")
    drill.begin()
    drill.wait_for_training_on("node-2")
    drill.strike(cluster.lab["node-2"].kill)
    lost = drill.end()
    cluster.lab["node-2"].boot()
    cluster.wait_for_slots(3)
    return drill, lost


def a_spot_notice(cluster: Cluster) -> tuple[Drill, Losses]:
    """A machine gets a preemption signal as from `cluster/spot_notice.sh`, and is killed 20 s later."""
    drill = Drill(cluster=cluster, name="notice")
    drill.begin()
    drill.wait_for_training_on("node-2")
    drain = (
        "ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message notice --deadline-remaining-seconds 20"
    )
    drill.strike(lambda: cluster.lab["node-2"].run(f"{drain}; pkill -TERM -f '^ray::.*Trainable'"))
    time.sleep(20)
    cluster.lab["node-2"].kill()
    lost = drill.end()
    assert lost.num_cut == 0, f"{lost.num_cut} workers did not save in time"
    cluster.lab["node-2"].boot()
    cluster.wait_for_slots(3)
    return drill, lost


def a_link_down(cluster: Cluster) -> tuple[Drill, Losses]:
    """A worker machine is unreachable for 60 s."""
    drill = Drill(cluster=cluster, name="cut")
    drill.begin()
    drill.wait_for_training_on("node-1")
    drill.strike(cluster.lab["node-1"].cut_link)
    time.sleep(60)
    cluster.lab["node-1"].mend_link()
    lost = drill.end()
    cluster.wait_for_slots(3)
    return drill, lost


def a_driver_killed(cluster: Cluster) -> tuple[Drill, Losses]:
    """The process that `ray submit` started on the head is killed with SIGKILL."""
    drill = Drill(cluster=cluster, name="driver")
    drill.begin()
    drill.strike(lambda: cluster.lab["head"].run("kill -9 $(pgrep -f '^python [^ ]*explore.py')"))
    lost = drill.end()
    assert drill.resumed
    return drill, lost


def a_full_disk(cluster: Cluster) -> tuple[Drill, Losses]:
    """The disk of a worker machine is full until the exploration has ended without it."""
    drill = Drill(cluster=cluster, name="full")
    drill.begin()
    drill.strike(cluster.lab["node-1"].fill_disk)
    lost = drill.end()
    cluster.lab["node-1"].empty_disk()
    return drill, lost


def a_cluster_of_one_slot(cluster: Cluster) -> tuple[Drill, Losses]:
    """Every worker machine dies, and the head continues alone."""
    drill = Drill(cluster=cluster, name="shrinks")
    drill.begin()
    drill.strike(lambda: [cluster.lab[name].kill() for name in ("node-1", "node-2")])
    return drill, drill.end()


FAULTS = {
    "a machine is switched on late": a_machine_that_joins_late,
    "a worker machine dies in mid-interval": a_machine_killed,
    "a worker machine is taken back with notice (SIGTERM)": a_spot_notice,
    "a worker machine's link is down for 60 s": a_link_down,
    "the driver is killed (-9)": a_driver_killed,
    "a worker machine's disk is full": a_full_disk,
    "all worker machines die: one slot is left": a_cluster_of_one_slot,
}


def row(fault: str, drill: Drill, lost: Losses) -> str:
    """Row of the Markdown table."""
    parts = [(lost.num_cut, "worker", "in mid-interval"), (lost.num_repeated, "report", "made twice")]
    losses_by_kind = [f"{count} {what}{'s' * (count > 1)} {how}" for count, what, how in parts if count]
    what = "; ".join(losses_by_kind) or "nothing"
    recovery = "–" if lost.recovery_s is None else f"{lost.recovery_s:.0f} s"
    return f"| {fault} | {'one `resume`' if drill.resumed else 'by itself'} | {what} | {recovery} |"


def main(chosen: list[str]) -> int:
    """Run the named drills, or all, and return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is removed
    rows = []
    try:
        with Lab.build("head", "node-1", "node-2") as lab:
            cluster = Cluster(lab, "head", "node-1", "node-2")
            joins_late = not chosen or a_machine_that_joins_late.__name__ in chosen
            if joins_late:
                lab["node-2"].kill()
            cluster.up(num_on=2 if joins_late else 3)
            for fault, drill in FAULTS.items():
                if not chosen or drill.__name__ in chosen:
                    print(f"{fault} …", file=sys.stderr, flush=True)
                    rows.append(row(fault, *drill(cluster)))
                    print(rows[-1], file=sys.stderr, flush=True)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("| fault | ends | lost | goes on after |\n| --- | --- | --- | --- |\n" + "\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
