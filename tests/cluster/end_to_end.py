"""`make cluster-test`: start a head and two workers with cluster/onprem.yaml, explore, and stop the cluster.

The steps are those in the header of the file. Exit code 0: all passed. Exit code 2: this machine cannot run a lab.
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
    """Print a step and its duration."""
    started = time.monotonic()
    print(f"{what} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def explore_and_check(cluster: Cluster) -> None:
    """Explore with `ray submit`, and check the tables as pandas reads them on the head.

    Raises:
        AssertionError: The driver failed, rows are missing, or a machine trained nothing.
    """
    with step("ray submit cluster/onprem.yaml explore.py space.yaml"):
        driver = cluster.submit("space.yaml")
        driver.wait(timeout=600)
        assert driver.returncode == 0, f"the driver ended with {driver.returncode}:\n{cluster.last_output()}"
    observations = cluster.table("observations")
    check_complete(observations, cluster.table("trials"), num_trials=NUM_TRIALS, num_reports=NUM_REPORTS)
    shares = observations["node"].value_counts().to_dict()
    assert set(shares) == set(MACHINES), f"every machine was to train, these did: {shares}"
    print(f"reports that each machine trained for: {shares}")


def submit_and_check(cluster: Cluster) -> None:
    """Explore with `explore.py submit`, which follows the job and fetches the results.

    Raises:
        AssertionError: The output has no progress, or rows are missing.
    """
    with step("explore.py submit --cluster cluster/onprem.yaml space.yaml"):
        output = cluster.submit_and_follow(
            "~/space.yaml",
            "--set training.steps=800 --set training.interval=400",
            "--results results/friendly",
            "--into /tmp/friendly",
        )
    assert all(line in output for line in ("step 800/800", "best run: ", "fetched /tmp/friendly")), output
    observations, trials = (
        cluster.table(name, "/tmp/friendly", machine="laptop") for name in ("observations", "trials")
    )
    check_complete(observations, trials, num_trials=NUM_TRIALS, num_reports=2)


def main() -> int:
    """Build the lab, run all steps, and return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is removed
    try:
        with Lab.build(*MACHINES) as lab:
            cluster = Cluster(lab, *MACHINES)
            with step("ray up cluster/onprem.yaml"):
                cluster.up()
            explore_and_check(cluster)
            submit_and_check(cluster)
            with step("ray down cluster/onprem.yaml"):
                cluster.down()
                # `ray down` does not contact the workers; each one ends when it loses the head
                wait_until(lambda: cluster.num_processes() == 0, "no process of Ray is left", limit_s=120)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
