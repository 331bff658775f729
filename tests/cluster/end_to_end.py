"""`make cluster-test`: cluster/onprem.yaml brings up a head and two workers, which explore, and is taken down again.

Every step is the one that the file's header tells a user to type. Exit status 0 where all went well, 2 where this
machine cannot hold a lab.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.lab import Lab, LabError
from tests.cluster.lab.cluster import NUM_REPORTS, NUM_TRIALS, Cluster, wait_until
from tests.cluster.lab.ledger import check_complete

MACHINES = ("head", "node-1", "node-2")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    started = time.monotonic()
    print(f"{what} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def explore_and_check(cluster: Cluster) -> None:
    """The exploration, from `ray submit` to the frame that plain pandas opens on the head.

    Raises:
        AssertionError: The driver failed, rows are missing, or a machine has trained nothing.
    """
    with step("ray submit cluster/onprem.yaml explore.py space.yaml"):
        driver = cluster.submit("space.yaml")
        driver.wait(timeout=240)
        assert driver.returncode == 0, f"the driver ended with {driver.returncode}:\n{cluster.last_words()}"
    observations = cluster.table("observations")
    check_complete(observations, cluster.table("trials"), num_trials=NUM_TRIALS, num_reports=NUM_REPORTS)
    shares = observations["node"].value_counts().to_dict()
    assert set(shares) == set(MACHINES), f"every machine was to train, these did: {shares}"
    print(f"reports that each machine trained for: {shares}")


def submit_and_check(cluster: Cluster) -> None:
    """The friendly way: `explore.py submit`, which follows and fetches.

    Raises:
        AssertionError: The laptop has seen no progress, or not all rows.
    """
    with step("explore.py submit --cluster cluster/onprem.yaml space.yaml"):
        said = cluster.friendly_submit(
            "~/space.yaml",
            "--set training.steps=800 --set training.interval=400",
            "--results results/friendly",
            "--into /tmp/friendly",
        )
    assert all(line in said for line in ("step 800/800", "best: ", "fetched /tmp/friendly")), said
    observations, trials = (
        cluster.table(name, "/tmp/friendly", machine="laptop") for name in ("observations", "trials")
    )
    check_complete(observations, trials, num_trials=NUM_TRIALS, num_reports=2)


def main() -> int:
    """Build, use and take down; returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    try:
        with Lab.build(*MACHINES) as lab:
            cluster = Cluster(lab, *MACHINES)
            with step("ray up cluster/onprem.yaml"):
                cluster.up()
            explore_and_check(cluster)
            submit_and_check(cluster)
            with step("ray down cluster/onprem.yaml"):
                cluster.down()
                # workers are not told; each leaves when it misses the head
                wait_until(lambda: cluster.num_processes() == 0, "no process of Ray is left", limit_s=120)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
