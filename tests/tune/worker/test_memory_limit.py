"""Real processes that exceed their memory limit."""

import re
import signal
import subprocess
import sys

import pytest

from erpo_explore.tune.worker.memory_limit import held_bytes, memory_limited

pytestmark = pytest.mark.skipif(held_bytes() is None, reason="needs /proc/self/status; run it on Linux")

PROGRAM = """
import time
from erpo_explore.tune.worker.memory_limit import held_bytes, memory_limited
limit_gb = held_bytes() / 1e9 + 0.2
with memory_limited(limit_gb):
    taken = []
    for _ in range(4000):
        taken.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.005)
"""


def test_a_process_above_its_limit_raises_with_both_numbers():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    message = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1
    expected = r"MemoryError: its worker took \d\.\d\d GB, more than resources\.memory_per_trial_gb=0\.\d+; raise .*"
    assert re.fullmatch(expected, message)


def test_below_the_limit_nothing_happens_and_the_signal_handler_is_restored():
    before = signal.getsignal(signal.SIGUSR1)
    with memory_limited(1e3):
        taken = bytearray(b"x") * 10_000_000
    assert len(taken) == 10_000_000
    assert signal.getsignal(signal.SIGUSR1) == before


def test_held_bytes_grow_by_the_memory_that_is_used():
    before = held_bytes()
    taken = bytearray(b"x") * 100_000_000
    assert held_bytes() - before == pytest.approx(len(taken), rel=0.1)
