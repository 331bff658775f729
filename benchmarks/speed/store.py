"""Write speed, read speed and size of the results store.

    python -m benchmarks.speed.store --rows 1_000_000

Rows are like those of an exploration: trials with 20 reports (`--reports`; the shipped experiments have 6 to 20), all
columns, a path whose JSON grows by a knot every fourth report, and distinct scores. They are appended in batches of
10,000 and compacted. Each reading runs in its own process after all imports. Its memory is the kernel's peak of the
resident set (`VmHWM`, reset at the start) minus the resident set at the start. Linux only.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.speed.timing import Goal, number
from erpo_explore.store import ResultsWriter, load_results
from erpo_explore.store.rows import to_json

_BATCH: Final = 10_000
_ROUNDS: Final = 3
_MIB: Final = 2**20

_READINGS: Final = {
    "open in pandas": {},
    "two columns": {"columns": ["trial", "score"]},
    "one trial": {"trials": ["member-000042"]},
    "score above a bound": {"filters": [("score", ">", 39.9)]},
}

_GOALS: Final = {
    ("append", 1_000_000): Goal(least=50_000),
    ("open in pandas", 1_000_000): Goal(most=2.0),
    ("open in pandas, MiB", 1_000_000): Goal(most=1_500e6 / _MIB),
    ("one trial", 1_000_000): Goal(most=0.2),
}


def rows(start: int, stop: int, reports: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """Observations `start` to `stop` of an endless exploration, trial by trial, with `reports` per trial."""
    scores = generator.uniform(10.0, 40.0, stop - start)
    losses = generator.uniform(1.0, 5.0, stop - start)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return [
        _row(index // reports, 1 + index % reports, reports, float(score), float(loss), when)
        for index, score, loss in zip(range(start, stop), scores, losses, strict=True)
    ]


def _row(trial: int, iteration: int, reports: int, score: float, loss: float, when: datetime) -> dict[str, Any]:
    point = {"reward": {"truth": 0.9, "task": 0.1, "metric": "bleu", "temperature": 0.05}, "alpha": 0.0, "beta": 1.0}
    knots = [{"at": 4 * at / reports, "point": point} for at in range(1 + iteration // 4)]
    return {
        "exploration": "benchmark",
        "trial": f"member-{trial:06d}",
        "role": "member",
        "iteration": iteration,
        "generation": iteration - 1,
        "seed": trial,
        "task": "multi30k",
        "model": "lstm",
        "step": 350 * iteration,
        "progress": iteration / reports,
        "alpha": 0.0,
        "beta": 1.0,
        "rho": 0.0,
        "tau": 1.0,
        "reward_truth": 0.9,
        "reward_noise": 0.0,
        "reward_task": 0.1,
        "reward_model": 0.0,
        "metric": "bleu",
        "reward_temperature": 0.05,
        "prefix": "q",
        "label": "sampled",
        "estimator": "token",
        "num_draws": 1,
        "forced": 0.0,
        "train_loss_nats": loss,
        "validation_nll_nats": loss + 0.5,
        "bleu": score,
        "score": score,
        "signature": "nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:2.5.1",
        "mean_reward": score / 100,
        "tokens_per_s": 1000.0 * loss,
        "elapsed_s": 25.0 * iteration,
        "device": "cuda",
        "status": "finished" if iteration == reports else "running",
        "checkpoint": f"checkpoints/member-{trial:06d}/checkpoint_{iteration:06d}",
        "path": to_json({"clock": "step", "knots": knots}),
        "reported_at": when,
        "node": "worker-3",
    }


def batches(num_rows: int, reports: int) -> Iterator[list[dict[str, Any]]]:
    """Batches of rows for the writer."""
    generator = np.random.default_rng(1)
    for start in range(0, num_rows, _BATCH):
        yield rows(start, min(start + _BATCH, num_rows), reports, generator)


def write(folder: Path, num_rows: int, reports: int) -> dict[str, float]:
    """Fill a results folder; returns rows appended per second, without generating them, and compaction seconds."""
    writer = ResultsWriter.create(folder, {"exploration": "benchmark"})
    append_s = 0.0
    for batch in batches(num_rows, reports):
        started = time.perf_counter()
        writer.append("observations", batch)
        append_s += time.perf_counter() - started
    started = time.perf_counter()
    writer.compact()
    return {"append": num_rows / append_s, "compact": time.perf_counter() - started}


def single_ms(folder: Path, reports: int, num_rows: int = 200) -> float:
    """Milliseconds to append one row and flush it to the disk, as a driver does with each report."""
    writer = ResultsWriter.create(folder, {"exploration": "benchmark"})
    given = rows(0, num_rows, reports, np.random.default_rng(1))
    started = time.perf_counter()
    for row in given:
        writer.append("observations", [row])
    return 1000.0 * (time.perf_counter() - started) / num_rows


def read_here(folder: Path, reading: str) -> None:
    """Read once in this process; prints seconds, bytes and rows."""
    load_results(folder, "trials")  # loads modules and thread pools
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak; ru_maxrss would start at the parent's
    before = _kernel_bytes("VmRSS")
    started = time.perf_counter()
    frame = load_results(folder, **_READINGS[reading])  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "bytes": _kernel_bytes("VmHWM") - before, "rows": len(frame)}))


def _kernel_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def read(folder: Path, reading: str) -> dict[str, float]:
    """Median of several readings, each in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.speed.store", "--read", reading, "--folder", str(folder)]
    runs = []
    for _ in range(_ROUNDS):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def measure(num_rows: int, reports: int, within: Path | None) -> list[str]:
    """Table rows of one size."""
    with tempfile.TemporaryDirectory(dir=within) as scratch:
        folder = Path(scratch) / "results"
        written = write(folder, num_rows, reports)
        size = sum(path.stat().st_size for path in (folder / "observations").iterdir())
        figures = [
            ("append", written["append"], "rows/s"),
            ("append one row", single_ms(Path(scratch) / "single", reports), "ms"),
            ("compact", written["compact"], "s"),
            ("on disk", size / _MIB, "MiB"),
        ]
        for name in _READINGS:
            found = read(folder, name)
            figures += [(name, found["seconds"], "s"), (f"{name}, MiB", found["bytes"] / _MIB, "MiB over baseline")]
        shutil.rmtree(folder)
    return [
        f"| {num_rows:,} | {name} | {number(value)} | {unit} | {_verdict(name, num_rows, value)} |"
        for name, value, unit in figures
    ]


def _verdict(name: str, num_rows: int, value: float) -> str:
    goal = _GOALS.get((name, num_rows))
    return goal.verdict(value) if goal else ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes")
    parser.add_argument("--reports", type=int, default=20, help="reports per trial")
    parser.add_argument("--within", type=Path, help="parent folder of the results; default: temporary")
    parser.add_argument("--read", choices=list(_READINGS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.read:
        read_here(chosen.folder, chosen.read)
        return
    print("| rows | quantity | value | unit | goal |\n| --- | --- | --- | --- | --- |")
    for num_rows in chosen.rows:
        print("\n".join(measure(num_rows, chosen.reports, chosen.within)), flush=True)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
