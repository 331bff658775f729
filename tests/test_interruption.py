"""SIGTERM and SIGHUP end a process as Ctrl-C does, with the exit code of their own."""

import signal
import subprocess
import sys

import pytest

WAITS = """
import signal, sys, time
from erpo_explore.interruption import exit_code, take_as_ctrl_c
{before}
take_as_ctrl_c()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(exit_code())
"""


def _exit_code(*numbers: int, before: str = "signal.signal(signal.SIGINT, signal.default_int_handler)") -> int:
    """Exit code of a process that waits, after these signals."""
    code = WAITS.format(before=before)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
    for number in numbers:
        process.send_signal(number)
    return process.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_exit_code_is_that_of_the_signal(number: int, code: int) -> None:
    assert _exit_code(number) == code


def test_a_process_that_a_shell_made_deaf_to_ctrl_c_obeys_sigterm() -> None:
    assert _exit_code(signal.SIGTERM, before="signal.signal(signal.SIGINT, signal.SIG_IGN)") == 143


def test_nohup_stays_in_force() -> None:
    assert _exit_code(signal.SIGHUP, signal.SIGTERM, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)") == 143
