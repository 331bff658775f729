"""The deadline of an exploration; what it interrupts is an endless loop here."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from erpo_explore.errors import ConfigError, RunError
from erpo_explore.tune.deadline import Deadline, TimeLimit


@pytest.fixture(autouse=True)
def pythons_ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a new process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _run_on() -> None:
    while True:
        time.sleep(0.01)


def _end() -> None:
    pass


def test_at_the_deadline_what_runs_is_interrupted_as_by_ctrl_c() -> None:
    deadline = Deadline(time.monotonic())
    deadline.interrupt(_run_on)
    assert deadline.passed


def test_without_a_limit_nothing_is_interrupted() -> None:
    deadline = Deadline()
    deadline.interrupt(_end)
    assert not deadline.passed
    assert deadline.left_s == float("inf")


def test_what_ends_before_the_deadline_is_not_interrupted() -> None:
    deadline = Deadline(time.monotonic() + 3600)
    deadline.interrupt(_end)
    assert not deadline.passed
    assert "deadline" not in {thread.name for thread in threading.enumerate()}


def test_ctrl_c_before_the_deadline_stays_ctrl_c() -> None:
    deadline = Deadline(time.monotonic() + 3600)

    def press() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deadline.interrupt(press)
    assert not deadline.passed


def test_only_the_main_thread_can_be_interrupted() -> None:
    errors: list[RunError] = []

    def wait() -> None:
        try:
            Deadline(time.monotonic()).interrupt(_end)
        except RunError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert "call it from the main thread" in str(errors[0])


@pytest.mark.parametrize("hours", [0.0, -1.0, float("nan"), float("inf")])
def test_hours_must_be_positive(hours: float) -> None:
    with pytest.raises(ConfigError, match="max_hours must be > 0 and finite"):
        TimeLimit.from_hours(hours)


@pytest.mark.parametrize("hours", [0.01, 0.5, 10.0])
def test_time_is_kept_for_the_closing(hours: float) -> None:
    limit = TimeLimit.from_hours(hours)
    assert limit.ends_at is not None and limit.deadline.at is not None
    assert limit.ends_at - 0.1001 * 3600 * hours <= limit.deadline.at < limit.ends_at


def test_a_slow_machine_gets_more_time_for_the_closing() -> None:
    limit = TimeLimit.from_hours(1.0)
    limit.keep_for_closing(1000.0)
    assert limit.ends_at is not None
    assert limit.deadline.at == limit.ends_at - 2000.0
