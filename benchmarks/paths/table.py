"""Tables of the exhaustive benchmark: packed from the logs of `train`, and read by everything else.

    python -m benchmarks.paths.table --logs results/paths        # writes benchmarks/paths/data/TASK.parquet

One row per task, seed and prefix: the score after the prefix, validation nats, and CPU-seconds of training and of
evaluation. Sentence scores stay in the logs; a tree of 1,296 paths has two megabytes of them.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.paths.tasks import BENCHMARKS, Benchmark
from erpo_explore.errors import ErpoExploreError, ResultsError
from erpo_explore.search.phases import Phases

__all__ = ["DATA", "load_table", "pack", "phases_of", "whole_trees"]

DATA: Final = Path(__file__).parent / "data"
_FLOATS: Final = ("score", "validation_nll_nats", "train_s", "evaluation_s")


def main() -> None:
    """Pack the logs of each task that has some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, required=True, help="folder that `train` wrote into")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the tables")
    options = parser.parse_args()
    try:
        for name in BENCHMARKS:
            if list(options.logs.glob(f"{name}-*.jsonl")):
                table = pack(name, options.logs)
                options.out.mkdir(parents=True, exist_ok=True)
                table.to_parquet(options.out / f"{name}.parquet", index=False, compression="zstd")
                print(f"{name}: {len(table):,} rows, seeds {', '.join(map(str, table['seed'].unique()))}")
    except ErpoExploreError as error:
        parser.exit(2, f"{error}\n")


def pack(task: str, logs: Path) -> pd.DataFrame:
    """All rows of a task.

    Args:
        task: Name of the benchmark.
        logs: Folder of the logs.

    Raises:
        ResultsError: Two logs have different settings.
    """
    rows, settings = [], None
    for file in sorted(logs.glob(f"{task}-*.jsonl")):
        seed = int(file.stem.removeprefix(f"{task}-"))
        content = file.read_bytes()
        for line in content[: content.rfind(b"\n") + 1].decode().splitlines():
            entry = json.loads(line)
            if "settings" in entry:
                if settings not in (None, entry["settings"]):
                    raise ResultsError(f"{file}: has other settings than the logs before; pack them apart")
                settings = entry["settings"]
            else:
                rows.append(
                    {"task": task, "seed": seed, "path": entry["path"]} | {name: entry[name] for name in _FLOATS}
                )
    table = pd.DataFrame(rows).astype(dict.fromkeys(_FLOATS, "float32") | {"seed": "int16"})
    return table.sort_values(["seed", "path"], ignore_index=True)


def load_table(task: str, folder: Path = DATA) -> pd.DataFrame:
    """The whole trees of a task, with the column `objective`, of which more is better.

    Args:
        task: Name of the benchmark.
        folder: Folder of the tables.

    Raises:
        ResultsError: There is no table, or no seed has all paths.
    """
    file = folder / f"{task}.parquet"
    if not file.exists():
        raise ResultsError(f"{file}: there is no table; train it, then run benchmarks.paths.table")
    return whole_trees(BENCHMARKS[task], pd.read_parquet(file), str(file))


def whole_trees(benchmark: Benchmark, table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The seeds that have all paths, with the column `objective`.

    Args:
        benchmark: The benchmark.
        table: Its rows.
        origin: Where they are from, for messages.

    Raises:
        ResultsError: No seed has all paths.
    """
    num_algorithms, num_phases = len(benchmark.points), benchmark.num_phases
    num_rows = sum(num_algorithms**length for length in range(1, num_phases + 1))
    rows_of_seed = table.groupby("seed")["path"].transform("size")
    table = table[rows_of_seed == num_rows].reset_index(drop=True)
    if table.empty:
        raise ResultsError(f"{origin}: no seed has all {num_rows:,} rows; let the trainings end")
    return table.assign(objective=table["score"] if benchmark.higher_is_better else -table["score"])


def phases_of(benchmark: Benchmark, table: pd.DataFrame) -> Phases:
    """The space of a table's paths, with the median CPU-seconds of each algorithm's phase, evaluation included.

    Args:
        benchmark: The benchmark.
        table: Its rows.
    """
    seconds = (table["train_s"] + table["evaluation_s"]).groupby(table["path"].str[-1]).median()
    costs = [float(seconds[letter] / seconds["m"]) / benchmark.num_phases for letter in benchmark.points]
    return Phases(num_phases=benchmark.num_phases, costs=tuple(costs))


if __name__ == "__main__":
    main()
