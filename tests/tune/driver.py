"""Explorations in processes of their own, which tests can kill."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from erpo_explore.store.files import Folder, Location, join


def start_driver(folder: Location, space: Path) -> "subprocess.Popen[bytes]":
    return start_command(str(space), "--results", str(folder))


def start_command(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start `explore.py ARGUMENTS` on a new Ray with two slots."""
    code = (
        "import sys, ray; from pathlib import Path;"
        "ray.init(address='local', num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR');"
        "sys.argv = ['explore.py', *sys.argv[1:]];"
        "from erpo_explore.cli.main import main; main()"
    )
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def start_simulation(folder: Path, address: str, settings: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """As `start_driver`, with simulated members and a snapshot after nearly every step of Tune.

    Args:
        folder: Results folder.
        address: Address of a Ray cluster, or `local` for a new one with two slots.
        settings: Arguments of `simulate`.
    """
    slots = {"num_cpus": 2, "include_dashboard": False} if address == "local" else {}
    code = (
        "import ray; from pathlib import Path; from tests.tune.simulated import simulate;"
        f"ray.init(address={address!r}, log_to_driver=False, logging_level='ERROR', **{slots!r});"
        f"simulate(Path({str(folder)!r}), **{settings!r})"
    )
    environment = os.environ | {"TUNE_GLOBAL_CHECKPOINT_S": "0.2", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )


def wait_for_reports(driver: "subprocess.Popen[bytes]", folder: Location, num_reports: int) -> None:
    """Wait until the driver has recorded a number of reports; fail with its output if it ends before."""
    parts = Folder.at(join(folder, "observations"))
    while sum(entry.base_name.endswith(".parquet") for entry in parts.entries()) < num_reports:
        if driver.poll() is not None:
            assert driver.stdout is not None
            pytest.fail(f"the driver ended early: {driver.stdout.read().decode()[-2000:]}")
        time.sleep(0.05)
