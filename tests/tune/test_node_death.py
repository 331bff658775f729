"""The death of a machine during an exploration: all processes of a Ray node are killed."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pandas as pd
import pytest
import ray

from erpo_explore.store import load_results
from tests.shared_ray import ray_nodes
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.simulated import simulate

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    *RAY_WARNINGS,
]

MEMBERS: Final = 4
NUM_INTERVALS: Final = 5


HEALTH: Final = {
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 60000,
    "health_check_failure_threshold": 10,
}
"""Settings of Ray that notice a dead node soon, since it refuses the connection, and wait for a slow one."""


@pytest.fixture
def two_machines() -> Iterator[tuple[Any, list[Any]]]:
    """A cluster, and two nodes of one slot."""
    with ray_nodes({"num_cpus": 1}, {"num_cpus": 1}, **HEALTH) as cluster:
        yield cluster


def test_no_report_is_lost_when_a_machine_dies(two_machines: tuple[Any, list[Any]], tmp_path: Path) -> None:
    cluster, machines = two_machines
    undisturbed = _simulate(tmp_path / "undisturbed")
    folder = tmp_path / "survived"
    killer = Thread(target=_kill_after, args=(cluster, machines[1], folder, 2 * MEMBERS + 1), daemon=True)
    killer.start()
    _simulate(folder)
    killer.join()

    # how many members fail depends on the moment: none if all wait, two if another one is just sent to the machine
    alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    assert machines[0].node_id in alive
    assert machines[1].node_id not in alive
    assert set(load_results(folder, "trials")["status"]) == {"finished"}
    for table, timed in (("observations", ["reported_at", "checkpoint"]), ("lineage", ["decided_at"])):
        survived, whole = (load_results(each, table).drop(columns=timed) for each in (folder, undisturbed))
        pd.testing.assert_frame_equal(survived, whole)


def _simulate(folder: Path) -> Path:
    return simulate(folder, NUM_INTERVALS, members=MEMBERS, step_s=0.2, max_failures=10)


def _kill_after(cluster: Any, machine: Any, folder: Path, num_reports: int) -> None:
    """Send SIGKILL to all processes of a machine after a number of reports."""
    while len(list((folder / "observations").glob("*.parquet"))) < num_reports:
        time.sleep(0.02)
    cluster.remove_node(machine, allow_graceful=False)
