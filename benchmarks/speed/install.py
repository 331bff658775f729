"""Time and size of an installation into a fresh environment: what running needs, and then what the tests need.

`all at once` is the installation before version 0.2: pip resolves `.[dev]` under constraints.txt and writes bytecode.
The others are `make explore`'s and `make test`'s. pip's cache is off, so every piece downloads what it installs; what
this machine's pip finds on its own disk is read from there.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def megabytes(folder: Path) -> float:
    """Disk space of a folder, in units of 10^6 bytes, as `du` counts it."""
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*")) / 1e6


def run(*command: str) -> None:
    """A command without pip's cache; its output is shown where it fails."""
    subprocess.run(
        command, check=True, cwd=ROOT, env={**os.environ, "PIP_NO_CACHE_DIR": "1"}, stderr=subprocess.DEVNULL
    )


def all_at_once(environment: Path) -> None:
    """Everything that the project can need, resolved by pip."""
    run(sys.executable, "-m", "venv", str(environment))
    pip = str(environment / "bin" / "pip")
    run(pip, "install", "-qq", "--disable-pip-version-check", "-c", "constraints.txt", "-e", ".[dev]")


def locked(kind: str) -> Callable[[Path], None]:
    """One step of the installation of `make`."""
    return lambda environment: run(sys.executable, "requirements/install.py", str(environment), kind)


def main() -> None:
    """Install each way once and print a table."""
    with tempfile.TemporaryDirectory() as scratch:
        before, now = Path(scratch) / "before", Path(scratch) / "now"
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start", flush=True)
        print(f"{'installation':<28}{'seconds':>9}{'CPU s':>9}{'MB':>9}{'packages':>10}")
        for name, install, environment in [
            ("running (make explore)", locked("run"), now),
            ("… and testing (make test)", locked("test"), now),
            ("… again, nothing missing", locked("run"), now),
            ("all at once, as before", all_at_once, before),
        ]:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            install(environment)
            seconds = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
            packages = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
            print(f"{name:<28}{seconds:>9.0f}{cpu:>9.0f}{megabytes(environment):>9.0f}{packages:>10}", flush=True)
        print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
