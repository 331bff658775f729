"""The driver ends where its Ray has died; a closed port stands in for a dead head."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import ray

from erpo_explore.tune import watch
from erpo_explore.tune.watch import watched


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that the watch takes for the head; it counts as dead after 0.1 s of silence."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        context = SimpleNamespace(gcs_address=f"127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
        monkeypatch.setattr(watch, "_PERIOD_S", 0.02)
        monkeypatch.setattr(watch, "_PATIENCE_S", 0.1)
        yield server


def test_a_dead_head_ends_the_process_with_a_line_that_names_resume(
    head: socket.socket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(watch.os, "_exit", codes.append)
    head.close()
    with watched("my results"):
        while not codes:
            time.sleep(0.01)
    assert codes == [2]
    message = capsys.readouterr().err
    assert message.startswith("error: the Ray at 127.0.0.1:")
    assert message.endswith("`erpo-explore resume 'my results'` continues it\n")


def test_a_live_head_disturbs_nothing(head: socket.socket) -> None:
    with watched("mine"):
        for _ in range(20):  # takes the connections of the watch
            head.accept()[0].close()
