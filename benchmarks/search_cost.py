"""What a search costs beside training and evaluating, for 8 members with 256-unit models on two slots.

    python -m benchmarks.search_cost --data DIR

Real explorations with short intervals. The cost is what the slots were held for and neither trained nor evaluated,

    cost = (slots · wall − Σ seconds of training and evaluation) / (members · intervals)

a member and interval, from the first worker's first step to the last report: saving and loading checkpoints, resetting
workers, deciding, writing results, and waiting for each other. It does not grow with the interval, so it is also given
as a share of a member's 60 s interval. Waiting does grow where the members of a round do not fill the slots evenly.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import pandas as pd
import ray

from benchmarks.timing import ratios
from erpo_explore.search import explore
from erpo_explore.space.search_space import SearchSpace
from erpo_explore.store import load_results

_SLOTS: Final = 2
_MEMBERS: Final = 8
_INTERVAL_S: Final = 60.0


def cost_s(space: SearchSpace, folder: Path) -> float:
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
    for index in range(options.rounds):
        for method in sorted(costs, reverse=index % 2 == 0):
            space = _space(method, options.data, options.steps, options.intervals)
            with tempfile.TemporaryDirectory() as folder:
                costs[method].append(cost_s(space, Path(folder) / "results"))
            print(f"{method}: {costs[method][-1]:.2f} s a member and interval", flush=True)
    ray.shutdown()
    print(
        f"| method | s a member and interval | of a {_INTERVAL_S:.0f} s interval | ratio |\n| --- | --- | --- | --- |"
    )
    for method, values in costs.items():
        ratio = statistics.median(ratios(values, costs["pbt"]))
        median = statistics.median(values)
        print(f"| `{method}` | {median:.2f} | {100.0 * median / _INTERVAL_S:.1f}% | {ratio:.2f} |")


def _space(method: str, data: Path, steps: int, intervals: int) -> SearchSpace:
    return SearchSpace.from_dict(
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
            "model": {"units": 256},
            "training": {"steps": steps * intervals, "interval": steps, "valid_limit": 100},
            "search": {"method": method, "members": _MEMBERS},
        }
    )


if __name__ == "__main__":
    main()
