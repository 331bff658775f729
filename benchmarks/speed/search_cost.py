"""Overhead and disk space of a search: 8 members with hidden size 256 on two slots.

    python -m benchmarks.speed.search_cost --data DIR

Real explorations with short intervals. The overhead is the time that slots are held without training or evaluation,

    overhead = (slots · wall − Σ seconds of training and evaluation) / (members · intervals)

per member and interval, from the first worker's first step to the last report. It covers saving and loading
checkpoints, resetting workers, deciding, writing results, and waiting for other members. It does not grow with the
interval, so it is also given as a share of a 60 s interval. Waiting does grow if the members do not fill the slots
evenly.

The disk space is the maximum size of the results folder, sampled every quarter of a second. Most of it are checkpoints
that Tune's last snapshot, written every 10 s, may still name. So shorter intervals need more space than longer ones.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Final

import pandas as pd
import ray

from benchmarks.speed.timing import ratios
from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune.run import explore

_SLOTS: Final = 2
_MEMBERS: Final = 8
_INTERVAL_S: Final = 60.0
_SAMPLE_S: Final = 0.25


def overhead_s(experiment: Experiment, folder: Path) -> float:
    """Overhead per member and interval in seconds.

    Args:
        experiment: An experiment without baselines.
        folder: Folder of the results.
    """
    started = time.time()
    outcome = explore(experiment, folder)
    frame = load_results(folder)
    if (
        outcome.num_failed
        or len(frame) != experiment.search.members * experiment.training.steps // experiment.training.interval
    ):
        raise RuntimeError(f"{len(frame)} reports, {outcome.num_failed} failures")
    trained_s = _trained_s(frame, load_results(folder, "lineage"))
    reported_s = frame["reported_at"].astype("int64") / 1e6
    first = float((reported_s - trained_s).min())
    wall_s = float(reported_s.max()) - first
    print(f"  workers started after {first - started:.1f} s, {trained_s.sum():.0f} s trained and evaluated", flush=True)
    return (_SLOTS * wall_s - float(trained_s.sum())) / len(frame)


class _DiskSpace:
    """Maximum size of a folder during a `with` block.

    Attributes:
        peak_bytes: Maximum sum of file sizes in bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.peak_bytes = 0
        self._folder = folder
        self._over = Event()
        self._watcher = Thread(target=self._watch)

    def __enter__(self) -> "_DiskSpace":
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            # os.walk, unlike glob, skips folders that are deleted meanwhile
            files = (Path(folder) / name for folder, _, names in os.walk(self._folder) for name in names)
            self.peak_bytes = max(self.peak_bytes, sum(map(_size_bytes, files)))


def _size_bytes(file: Path) -> int:
    """Size of a file, 0 if it was deleted meanwhile."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _trained_s(frame: pd.DataFrame, lineage: pd.DataFrame) -> pd.Series:
    """Seconds of each report's interval; `elapsed_s` belongs to weights, so a clone continues its donor's."""
    clones = lineage[lineage["action"] == "clone"].set_index(["trial", "generation"])["donor"].to_dict()
    elapsed_s = frame.set_index(["trial", "iteration"])["elapsed_s"].to_dict()
    before_s = [
        elapsed_s.get((clones.get((trial, iteration - 1), trial), iteration - 1), 0.0)
        for trial, iteration in frame[["trial", "iteration"]].itertuples(index=False)
    ]
    return frame["elapsed_s"] - before_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.de, train.en, valid.de, …")
    parser.add_argument("--intervals", type=int, default=5, help="intervals per member")
    parser.add_argument("--steps", type=int, default=20, help="steps per interval")
    parser.add_argument("--rounds", type=int, default=2, help="runs per method")
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=_SLOTS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    costs: dict[str, list[float]] = {"population": [], "pbt": []}
    peaks: dict[str, list[int]] = {"population": [], "pbt": []}
    for index in range(options.rounds):
        for method in sorted(costs, reverse=index % 2 == 0):
            experiment = _experiment(method, options.data, options.steps, options.intervals)
            with tempfile.TemporaryDirectory() as folder, _DiskSpace(Path(folder)) as space:
                costs[method].append(overhead_s(experiment, Path(folder) / "results"))
            peaks[method].append(space.peak_bytes)
            cost, megabytes = costs[method][-1], space.peak_bytes / 1e6
            print(f"{method}: {cost:.2f} s per member and interval, at most {megabytes:.0f} MB", flush=True)
    ray.shutdown()
    print(
        f"| method | s per member and interval | of a {_INTERVAL_S:.0f} s interval | ratio | disk space, MB |\n"
        "| --- | --- | --- | --- | --- |"
    )
    for method, values in costs.items():
        ratio = statistics.median(ratios(values, costs["pbt"]))
        median = statistics.median(values)
        share = 100.0 * median / _INTERVAL_S
        print(f"| `{method}` | {median:.2f} | {share:.1f}% | {ratio:.2f} | {max(peaks[method]) / 1e6:.0f} |")


def _experiment(method: str, data: Path, steps: int, intervals: int) -> Experiment:
    return Experiment.from_dict(
        {
            "name": "cost",
            "task": {
                "name": "files",
                "data": str(data.resolve()),
                "source": "de",
                "target": "en",
                "metric": "bleu",
                "vocabulary": {"min_count": 2},
            },
            "model": {"hidden_size": 256},
            "training": {"steps": steps * intervals, "interval": steps, "validation_limit": 100},
            "search": {"method": method, "members": _MEMBERS},
        }
    )


if __name__ == "__main__":
    main()
