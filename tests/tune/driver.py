"""Explorations in processes of their own, which tests can kill."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from erpo_explore.store.files import Folder, Location, join

_ROOT: Final = Path(__file__).parents[2]


def start_driver(folder: Location, space: Path) -> "subprocess.Popen[bytes]":
    """Start an exploration from Python, which joins the shared Ray and does not time what it will cost."""
    code = (
        "import pathlib, sys;"
        "from erpo_explore.config.experiment import load_experiment;"
        "from erpo_explore.api.explore import explore;"
        "explore(load_experiment(pathlib.Path(sys.argv[1])), sys.argv[2])"
    )
    return _start(["-c", code, str(space), str(folder)], None, alone=False)


def start_command(*arguments: str, cwd: Path | None = None, alone: bool = False) -> "subprocess.Popen[bytes]":
    """Start `explore.py ARGUMENTS`.

    Args:
        arguments: Its words.
        cwd: Where it runs; None for here.
        alone: Whether it starts a Ray of its own, instead of joining the shared one (fixture `one_slot`).
    """
    code = (
        "import signal, sys, ray;"
        "ray.init(address='local', num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level='ERROR');"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL);"  # not Ray's handler, which is installed for this call of ours
        "sys.argv = ['explore.py', *sys.argv[1:]];"
        "from erpo_explore.cli.main import main; main()"
    )
    return _start(["-c", code, *arguments] if alone else [str(_ROOT / "explore.py"), *arguments], cwd, alone=alone)


def _start(words: list[str], cwd: Path | None, *, alone: bool) -> "subprocess.Popen[bytes]":
    assert alone or os.environ["RAY_ADDRESS"] != "local", "the test needs the fixture one_slot"
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    return subprocess.Popen(
        [sys.executable, *words], cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for_reports(
    driver: "subprocess.Popen[bytes]", folder: Location, num_reports: int, *, table: str = "observations"
) -> None:
    """Wait until the driver has recorded a number of reports; fail with its output if it ends before."""
    parts = Folder.at(join(folder, table))
    while sum(entry.base_name.endswith(".parquet") for entry in parts.entries()) < num_reports:
        if driver.poll() is not None:
            assert driver.stdout is not None
            pytest.fail(f"the driver ended early: {driver.stdout.read().decode()[-2000:]}")
        time.sleep(0.05)
