"""Trials on different machines: Ray nodes with and without a GPU, which is only counted here, not used."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
import ray
from ray._private.state import available_resources_per_node

from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune.run import explore
from tests.shared_ray import ray_nodes
from tests.tiny_exploration import TINY
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[str, str]]:
    """Ids of a node with one GPU and four CPUs, and of one with two CPUs."""
    with ray_nodes({"num_cpus": 4, "num_gpus": 1}, {"num_cpus": 2}) as (_, (with_gpu, without)):
        yield with_gpu.node_id, without.node_id


def most_held(folder: Path, resources: dict[str, float]) -> dict[tuple[str, str], float]:
    """The largest amount of each resource that four trials held at once: {(node, resource): amount}."""
    space = Experiment.from_dict(
        TINY | {"search": {"method": "none"}, "baselines": ["mle"], "num_seeds": 4, "resources": resources}
    )
    total = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    most: dict[tuple[str, str], float] = defaultdict(float)
    ended = Event()

    def watch() -> None:
        while not ended.wait(0.05):
            for node, free in available_resources_per_node().items():
                for kind in ("CPU", "GPU"):
                    held = total.get(node, {}).get(kind, 0.0) - free.get(kind, 0.0)
                    most[node, kind] = max(most[node, kind], held)

    watching = Thread(target=watch)
    watching.start()
    try:
        assert explore(space, folder).status == "finished"
    finally:
        ended.set()
        watching.join()
    assert set(load_results(folder, "trials")["status"]) == {"finished"}
    free_again(total)
    return most


def free_again(total: dict[str, dict[str, float]]) -> None:
    """Wait until the workers of the trials have ended."""
    while ray.available_resources().get("CPU", 0.0) != sum(each.get("CPU", 0.0) for each in total.values()):
        time.sleep(0.1)


def test_four_trials_share_one_gpu_and_none_runs_without(nodes: tuple[str, str], tmp_path: Path) -> None:
    held = most_held(tmp_path / "shared", {"gpus_per_trial": 0.25})
    with_gpu, without = nodes
    assert held[with_gpu, "GPU"] == 1.0
    assert held[with_gpu, "CPU"] == 4.0
    assert held[without, "CPU"] == 0.0


def test_without_a_gpu_share_every_machine_trains(nodes: tuple[str, str], tmp_path: Path) -> None:
    held = most_held(tmp_path / "cores", {"gpus_per_trial": 0, "cpus_per_trial": 2})
    with_gpu, without = nodes
    assert held[with_gpu, "GPU"] == 0.0
    assert held[with_gpu, "CPU"] == 4.0
    assert held[without, "CPU"] == 2.0
