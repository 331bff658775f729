"""Processes that take more memory than they may, for real."""

import signal
import subprocess
import sys

import pytest

from erpo_explore.tune.worker.memory_limit import held_bytes, memory_limited

pytestmark = pytest.mark.skipif(held_bytes() is None, reason="needs Linux's /proc/self/status")

PROGRAM = """
import time
from erpo_explore.tune.worker.memory_limit import held_bytes, memory_limited
limit_gb = held_bytes() / 1e9 + 0.2
with memory_limited(limit_gb):
    taken = []
    for _ in range(400):
        taken.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.005)
"""


def test_it_fails_and_says_so():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    message = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1
    assert message.startswith("MemoryError: its worker took 0.")
    assert "more than resources.memory_per_trial_gb=0." in message


def test_what_stays_below_is_left_alone_and_the_signal_is_as_before():
    before = signal.getsignal(signal.SIGUSR1)
    with memory_limited(1e3):
        taken = bytearray(b"x") * 10_000_000
    assert len(taken) == 10_000_000
    assert signal.getsignal(signal.SIGUSR1) == before


def test_held_bytes_grow_by_what_is_taken_and_not_by_what_is_only_reserved():
    before = held_bytes()
    taken = bytearray(b"x") * 100_000_000
    assert held_bytes() - before == pytest.approx(len(taken), rel=0.1)
