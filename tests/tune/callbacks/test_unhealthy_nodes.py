"""Nodes without disk space, in a real Ray whose nodes report the free bytes that a test sets."""

import errno
import math
import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.util.placement_group import placement_group_table
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from erpo_explore.tune.callbacks.unhealthy_nodes import UnhealthyNodes
from tests.shared_ray import ray_nodes
from tests.tune.failed_trial import failed_trial
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]


class Worker:
    """A trial's worker, which fails in one of several ways."""

    def __init__(self, *, fills: bool = False) -> None:
        if fills:
            self.fill()

    def fill(self) -> None:
        """Raise as a write to a full disk does."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint")

    def die(self) -> None:
        """End the process."""
        os._exit(1)

    def raise_another(self) -> None:
        """Raise an error that has nothing to do with the machine."""
        raise ValueError(errno.ENOSPC)


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """Ids of two nodes, of one and of two slots, beside a driver's without any."""
    with ray_nodes({"num_cpus": 1}, {"num_cpus": 2}) as (_, added):
        yield [node.node_id for node in added]


@pytest.fixture
def disks(tmp_path: Path, nodes: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the free bytes of each of the two nodes, or that its workers die: disks(0, "dies")."""
    monkeypatch.setattr("erpo_explore.tune.callbacks.unhealthy_nodes._PAUSE_S", 0.0)
    # a node that answers late is not one that starts no worker
    monkeypatch.setattr("erpo_explore.tune.callbacks.unhealthy_nodes._PATIENCE_S", math.inf)

    def have(*free: int | str) -> None:
        for node, num_bytes in zip(nodes, free, strict=True):
            (tmp_path / node).write_text(str(num_bytes))

    return have


@pytest.fixture
def watched(tmp_path: Path, nodes: list[str]) -> Iterator[UnhealthyNodes]:
    def usage(staged: str) -> Any:
        assert Path(staged).is_dir()
        free = (tmp_path / ray.get_runtime_context().get_node_id()).read_text()
        return SimpleNamespace(free=int(free)) if free != "dies" else os._exit(1)

    watching = UnhealthyNodes(100, usage)
    yield watching
    watching.on_experiment_end([])


def fail(watched: UnhealthyNodes, folder: Path, node: str, how: str) -> None:
    """Have a trial's worker fail on a node, and call the callback as Tune does."""
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    worker = ray.remote(num_cpus=0)(Worker).options(scheduling_strategy=there).remote(fills=how == "__init__")
    with pytest.raises(Exception) as caught:
        ray.get(getattr(worker, "fill" if how == "__init__" else how).remote())
    if how != "__init__":
        watched.on_trial_start(1, [], failed_trial(folder, actor=worker))
    # Tune has dropped the actor when it calls this
    watched.on_trial_recover(1, [], failed_trial(folder, caught.value))


def settle(watched: UnhealthyNodes, num_free: int, is_logged: Callable[[], bool] = lambda: True) -> None:
    """Call the callback until so many slots are free, and its warning is logged."""
    while ray.available_resources().get("CPU", 0.0) != num_free or not is_logged():
        watched.on_step_end(1, [])
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["fill", "die", "__init__"])
@pytest.mark.parametrize("state", [99, "dies"])
def test_slots_of_a_node_without_disk_space_stay_empty_until_it_has_some(
    how: str,
    state: int | str,
    watched: UnhealthyNodes,
    disks: Callable[..., None],
    tmp_path: Path,
    nodes: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    disks(500, state)
    fail(watched, tmp_path, nodes[1], how)
    # slots are reserved before the node has answered
    settle(watched, num_free=1, is_logged=lambda: len(caplog.messages) == 1)
    where = ray.remote(lambda: ray.get_runtime_context().get_node_id())
    assert ray.get([where.remote() for _ in range(3)]) == [nodes[0]] * 3
    disks(500, 100)
    settle(watched, num_free=3)
    without, again = caplog.messages
    assert ("99 bytes free" if state == 99 else "starts no worker") in without
    assert "has disk space again" in again


def test_all_slots_are_released_at_the_end(
    watched: UnhealthyNodes, disks: Callable[..., None], tmp_path: Path, nodes: list[str]
) -> None:
    disks(0, 0)
    for node in nodes:
        fail(watched, tmp_path, node, "fill")
    settle(watched, num_free=0)
    watched.on_experiment_end([])
    settle(watched, num_free=3)


def test_other_failures_reserve_nothing(
    watched: UnhealthyNodes, disks: Callable[..., None], tmp_path: Path, nodes: list[str]
) -> None:
    disks(0, 0)
    fail(watched, tmp_path, nodes[0], "raise_another")
    watched.on_trial_recover(1, [], failed_trial(tmp_path))
    fail(watched, tmp_path, ray.get_runtime_context().get_node_id(), "fill")
    watched.on_step_end(1, [])
    assert {group["state"] for group in placement_group_table().values()} <= {"REMOVED"}


def test_the_disk_of_the_node_is_read(nodes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erpo_explore.tune.callbacks.unhealthy_nodes._PAUSE_S", 0.0)
    free = shutil.disk_usage("/tmp").free
    for needed_bytes, num_free in ((free // 2, 3), (free * 2, 0)):
        watching = pickle.loads(pickle.dumps(UnhealthyNodes(needed_bytes)))
        for node in nodes:
            fail(watching, tmp_path, node, "fill")
        # answers are not taken yet, or a fast one would release its slots before they are seen to be reserved
        while ray.available_resources().get("CPU", 0.0) != 0:
            time.sleep(0.1)
        settle(watching, num_free)
        watching.on_experiment_end([])
