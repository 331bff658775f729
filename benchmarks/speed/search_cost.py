"""What a search costs beside training and evaluating, and what room it takes: 8 members, 256-unit models, two slots.

    python -m benchmarks.speed.search_cost --data DIR

Real explorations with short intervals. The cost is what the slots were held for and neither trained nor evaluated,

    cost = (slots · wall − Σ seconds of training and evaluation) / (members · intervals)

a member and interval, from the first worker's first step to the last report: saving and loading checkpoints, resetting
workers, deciding, writing results, and waiting for each other. It does not grow with the interval, so it is also given
as a share of a member's 60 s interval. Waiting does grow where the members of a round do not fill the slots evenly.

The room is the most that the results folder ever held, looked at every quarter of a second. Most of it are checkpoints
that a snapshot of Tune's, written every 10 s, may still name, so shorter intervals take more room than longer ones.
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
_LOOK_S: Final = 0.25


def cost_s(space: Experiment, folder: Path) -> float:
    """Seconds a member and interval, see above.

    Args:
        space: A population alone.
        folder: For the results.
    """
    started = time.time()
    outcome = explore(space, folder)
    frame = load_results(folder)
    if outcome.num_failed or len(frame) != space.search.members * space.training.steps // space.training.interval:
        raise RuntimeError(f"{len(frame)} reports, {outcome.num_failed} failures")
    worked_s = _worked_s(frame, load_results(folder, "lineage"))
    reported_s = frame["reported_at"].astype("int64") / 1e6
    first = float((reported_s - worked_s).min())
    wall_s = float(reported_s.max()) - first
    print(f"  workers started after {first - started:.1f} s, {worked_s.sum():.0f} s trained and evaluated", flush=True)
    return (_SLOTS * wall_s - float(worked_s.sum())) / len(frame)


class _Room:
    """The most bytes that a folder held, while the `with` block ran.

    Attributes:
        peak_bytes: Sum of its files' sizes.
    """

    def __init__(self, folder: Path) -> None:
        self.peak_bytes = 0
        self._folder = folder
        self._over = Event()
        self._watcher = Thread(target=self._watch)

    def __enter__(self) -> "_Room":
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            # unlike a glob, a walk passes over folders that go meanwhile
            files = (Path(place) / name for place, _, names in os.walk(self._folder) for name in names)
            self.peak_bytes = max(self.peak_bytes, sum(map(_size_bytes, files)))


def _size_bytes(file: Path) -> int:
    """Of a file, which may go meanwhile."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _worked_s(frame: pd.DataFrame, lineage: pd.DataFrame) -> pd.Series:
    """Seconds that each report's interval took; `elapsed_s` is of weights, and a clone's goes on from its donor's."""
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
    parser.add_argument("--intervals", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="of an interval")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=_SLOTS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    costs: dict[str, list[float]] = {"population": [], "pbt": []}
    rooms: dict[str, list[int]] = {"population": [], "pbt": []}
    for index in range(options.rounds):
        for method in sorted(costs, reverse=index % 2 == 0):
            space = _space(method, options.data, options.steps, options.intervals)
            with tempfile.TemporaryDirectory() as folder, _Room(Path(folder)) as room:
                costs[method].append(cost_s(space, Path(folder) / "results"))
            rooms[method].append(room.peak_bytes)
            cost, megabytes = costs[method][-1], room.peak_bytes / 1e6
            print(f"{method}: {cost:.2f} s a member and interval, at most {megabytes:.0f} MB", flush=True)
    ray.shutdown()
    print(
        f"| method | s a member and interval | of a {_INTERVAL_S:.0f} s interval | ratio | room, MB |\n"
        "| --- | --- | --- | --- | --- |"
    )
    for method, values in costs.items():
        ratio = statistics.median(ratios(values, costs["pbt"]))
        median = statistics.median(values)
        share = 100.0 * median / _INTERVAL_S
        print(f"| `{method}` | {median:.2f} | {share:.1f}% | {ratio:.2f} | {max(rooms[method]) / 1e6:.0f} |")


def _space(method: str, data: Path, steps: int, intervals: int) -> Experiment:
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
