"""Processes that hang, for real."""

import faulthandler
import subprocess
import sys

import pytest

from erpo_explore.tune.worker.watchdog import interval_limit_s, time_limited, where_it_hung

PROGRAM = """
import sys, threading, time
from pathlib import Path
from erpo_explore.tune.worker.watchdog import time_limited

def sleeps_for_ever():
    time.sleep(1000.0)

def holds_the_lock():
    pow(7, 10**9)  # one call into C that never releases the lock

threading.Thread(target=time.sleep, args=(1000.0,), daemon=True).start()
with time_limited(float(sys.argv[1]), Path(sys.argv[2])):
    globals()[sys.argv[3]]()
"""


@pytest.mark.parametrize("how", ["sleeps_for_ever", "holds_the_lock"])
def test_a_process_that_hangs_is_ended_and_leaves_its_stacks(how, tmp_path):
    trace = tmp_path / "hung.txt"
    # a loaded machine may take longer than the limit to get there
    for limit_s in (0.5, 5.0, 50.0):
        command = [sys.executable, "-c", PROGRAM, str(limit_s), str(trace), how]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
        if where_it_hung(trace).endswith(f"in {how}"):
            return
    pytest.fail(trace.read_text())


@pytest.fixture
def cancelled(monkeypatch):
    """The calls that stop the timer."""
    calls = []
    cancel = faulthandler.cancel_dump_traceback_later
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: calls.append(cancel()))
    return calls


def test_a_block_that_ends_in_time_leaves_no_file_and_no_timer(tmp_path, cancelled):
    trace = tmp_path / "hung.txt"
    with time_limited(600.0, trace):
        assert trace.exists()
        assert cancelled == []
    assert list(tmp_path.iterdir()) == []
    assert len(cancelled) == 1


def test_a_block_that_raises_leaves_no_file_and_no_timer(tmp_path, cancelled):
    with pytest.raises(MemoryError), time_limited(600.0, tmp_path / "hung.txt"):
        raise MemoryError
    assert list(tmp_path.iterdir()) == []
    assert len(cancelled) == 1


def test_without_a_limit_nothing_is_written(tmp_path):
    with time_limited(None, tmp_path / "hung.txt"):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "", "Timeout (0:00:01)!\n", "Thread 0x1 (most recent call first):\n"])
def test_a_file_without_stacks_has_no_frame(content, tmp_path):
    trace = tmp_path / "hung.txt"
    if content is not None:
        trace.write_text(content)
    assert where_it_hung(trace) is None


@pytest.mark.parametrize(
    ("timeout_s", "longest_s", "limit_s"),
    [(0.0, None, None), (0.0, 0.0, 600.0), (0.0, 30.0, 600.0), (0.0, 31.0, 620.0), (5.0, None, 5.0), (5.0, 100.0, 5.0)],
)
def test_the_limit_is_the_configured_one_or_twenty_times_the_longest(timeout_s, longest_s, limit_s):
    assert interval_limit_s(timeout_s, longest_s) == limit_s
