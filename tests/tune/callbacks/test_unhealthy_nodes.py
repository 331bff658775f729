"""Machines without room, of a real Ray whose nodes say what they are told to say of their disks."""

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

from erpo_explore.tune.callbacks.unhealthy_nodes import FullDisks
from tests.tiny_exploration import ray_nodes
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, *RAY_WARNINGS]

FULL = "ray::ErpoTrainable.step() (pid=7, ip={ip}, actor_id=3f)\nOSError: [Errno 28] No space left on device: node-1"
DIED = "ray.exceptions.ActorDiedError: The actor died unexpectedly.\n\tpid: 7\n\tip: {ip}\nThe actor is dead."


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """Ids of two nodes, of one and of two slots, beside a driver's without any."""
    with ray_nodes({"num_cpus": 1}, {"num_cpus": 2}) as added:
        yield added


@pytest.fixture
def disks(tmp_path: Path, nodes: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what each of the two nodes has free, or that its workers die: disks(0, "dies")."""
    monkeypatch.setattr("erpo_explore.tune.callbacks.unhealthy_nodes._PAUSE_S", 0.0)

    def have(*free: int | str) -> None:
        for node, num_bytes in zip(nodes, free, strict=True):
            (tmp_path / node).write_text(str(num_bytes))

    return have


@pytest.fixture
def watched(tmp_path: Path, nodes: list[str]) -> Iterator[FullDisks]:
    def usage(staged: str) -> Any:
        assert Path(staged).is_dir()
        free = (tmp_path / ray.get_runtime_context().get_node_id()).read_text()
        return SimpleNamespace(free=int(free)) if free != "dies" else os._exit(1)

    watching = FullDisks(100, usage)
    yield watching
    watching.on_experiment_end([])


def failed(tmp_path: Path, error: str) -> Any:
    """A trial of one slot, as Tune has it, that failed once before."""
    written = tmp_path / "error.txt"
    address = ray.util.get_node_ip_address()
    written.write_text(
        f"Failure # 1 (occurred at noon)\n{FULL}\nFailure # 2 (occurred at one)\n{error}".replace("{ip}", address)
    )
    return SimpleNamespace(
        error_file=str(written), placement_group_factory=SimpleNamespace(bundles=[{"CPU": 1.0, "GPU": 0.0}])
    )


def settle(watched: FullDisks, num_free: int, has_told: Callable[[], bool] = lambda: True) -> None:
    """Let it look until so many slots are free, and it has told of it."""
    while ray.available_resources().get("CPU", 0.0) != num_free or not has_told():
        watched.on_step_end(1, [])
        time.sleep(0.1)


@pytest.mark.parametrize("error", [FULL, DIED])
@pytest.mark.parametrize("state", [99, "dies"])
def test_the_slots_of_a_full_machine_are_empty_until_it_has_room(
    error: str,
    state: int | str,
    watched: FullDisks,
    disks: Callable[..., None],
    tmp_path: Path,
    nodes: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    disks(500, state)
    watched.on_trial_recover(1, [], failed(tmp_path, error))
    # slots are reserved before the machine has answered
    settle(watched, num_free=1, has_told=lambda: len(caplog.messages) == 1)
    where = ray.remote(lambda: ray.get_runtime_context().get_node_id())
    assert ray.get([where.remote() for _ in range(3)]) == [nodes[0]] * 3
    disks(500, 100)
    settle(watched, num_free=3)
    without, again = caplog.messages
    assert ("99 bytes free" if state == 99 else "starts no worker") in without
    assert "has room again" in again


def test_two_may_be_full_and_the_end_gives_all_back(
    watched: FullDisks, disks: Callable[..., None], tmp_path: Path
) -> None:
    disks(0, 0)
    watched.on_trial_error(1, [], failed(tmp_path, FULL))
    settle(watched, num_free=0)
    watched.on_experiment_end([])
    settle(watched, num_free=3)


def test_who_fails_otherwise_is_no_reason_to_ask(
    watched: FullDisks, disks: Callable[..., None], tmp_path: Path
) -> None:
    disks(0, 0)
    watched.on_trial_recover(1, [], failed(tmp_path, "ValueError: 28"))
    watched.on_trial_recover(1, [], SimpleNamespace(error_file=None))
    watched.on_trial_recover(1, [], failed(tmp_path, FULL.replace("{ip}", "10.0.0.1")))
    watched.on_step_end(1, [])
    time.sleep(2.0)
    assert ray.available_resources()["CPU"] == 3.0


def test_real_disks_are_asked(nodes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erpo_explore.tune.callbacks.unhealthy_nodes._PAUSE_S", 0.0)
    free = shutil.disk_usage("/tmp").free
    for needed_bytes, num_free in ((free // 2, 3), (free * 2, 0)):
        watching = pickle.loads(pickle.dumps(FullDisks(needed_bytes)))
        watching.on_trial_recover(1, [], failed(tmp_path, FULL))
        settle(watching, num_free=0)
        settle(watching, num_free)
        watching.on_experiment_end([])
