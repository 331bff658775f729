"""An exploration in a process of its own, to pull the plug of."""

import subprocess
import sys
import time
from pathlib import Path

import pytest


def start_driver(folder: Path, space: Path) -> "subprocess.Popen[bytes]":
    code = (
        "import sys, ray; from pathlib import Path;"
        "ray.init(address='local', num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR');"
        "sys.argv = ['explore.py', *sys.argv[1:]];"
        "from erpo_explore.cli import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(space), "--results", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for_reports(driver: "subprocess.Popen[bytes]", folder: Path, num_reports: int) -> None:
    """Until the driver has recorded so many; a driver that ended before is shown."""
    while len(list((folder / "observations").glob("*.parquet"))) < num_reports:
        if driver.poll() is not None:
            assert driver.stdout is not None
            pytest.fail(f"the driver ended early: {driver.stdout.read().decode()[-2000:]}")
        time.sleep(0.05)
