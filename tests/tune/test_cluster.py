"""The connection to Ray: whose signal handlers hold, and what a Ray that cannot be reached is called."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray._private import utils

from erpo_explore.interruption import take_as_ctrl_c
from erpo_explore.tune.cluster import connected

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Handlers as in a new process; those of this one, which may be Ray's own, are put back afterwards."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_ray_does_not_replace_the_handler_of_sigterm(handlers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: Any) -> None:
        utils.set_sigterm_handler(lambda *_: None)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    take_as_ctrl_c()
    with connected("local"), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_processes_that_ray_starts_are_deaf_to_sighup(handlers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked: list[set[Any]] = []
    monkeypatch.setattr(ray, "init", lambda **_: blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with connected("local"):
        assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.SIGHUP in blocked[0]
