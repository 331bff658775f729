"""Which Ray an exploration joins: ports that answer or do not stand in for clusters."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from erpo_explore.errors import RunError
from erpo_explore.tune import _ray_internals
from erpo_explore.tune.which_ray import check_answers, cluster_to_join


@pytest.fixture
def alive() -> Iterator[str]:
    """Address at which something answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """Address at which nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which `ray start` notes an address; RAY_ADDRESS is not set."""
    file = tmp_path / "ray_current_cluster"
    monkeypatch.setattr(_ray_internals, "address_file", lambda: str(file))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return file


def test_without_a_cluster_a_new_one_is_started() -> None:
    assert cluster_to_join(None) is None


def test_the_cluster_that_this_user_started_here_is_joined(noted: Path, alive: str) -> None:
    noted.write_text(alive)
    assert cluster_to_join(None) == cluster_to_join("auto") == alive


def test_a_cluster_of_this_machine_that_has_ended_is_passed_over(noted: Path, dead: str) -> None:
    noted.write_text(dead)
    assert cluster_to_join(None) is None
    with pytest.raises(RunError, match="use `--address local` to start one"):
        cluster_to_join("auto")


def test_the_cluster_of_another_user_is_passed_over(noted: Path, alive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noted.write_text(alive)
    monkeypatch.setattr("os.getuid", lambda: noted.stat().st_uid + 1)
    assert cluster_to_join(None) is None


@pytest.mark.parametrize("address", [None, "auto"])
def test_ray_address_names_the_cluster(address: str | None, alive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", alive)
    assert cluster_to_join(address) == alive


def test_local_starts_a_new_ray_whatever_else_is_there(
    noted: Path, alive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted.write_text(alive)
    monkeypatch.setenv("RAY_ADDRESS", alive)
    assert cluster_to_join("local") is None
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert cluster_to_join(None) is None


def test_a_dead_ray_address_is_named_with_the_remedy(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", dead)
    with pytest.raises(RunError, match=rf"^RAY_ADDRESS is {dead}, but no Ray answers there .*`--address local`"):
        check_answers(None)


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_a_dead_address_is_named_with_the_remedy(prefix: str, dead: str) -> None:
    with pytest.raises(RunError, match=rf"^--address is {prefix}{dead}, but no Ray answers there .*`--address local`"):
        cluster_to_join(prefix + dead)


@pytest.mark.parametrize("address", ["nix", "127.0.0.1", "127.0.0.1:nix", "127.0.0.1:99999"])
def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(RunError, match="it must be HOST:PORT"):
        cluster_to_join(address)
