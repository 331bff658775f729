"""What the tables let a search expect: the gain of each algorithm in each phase, as a small JSON file.

    python -m benchmarks.paths.prior --logs results/paths --out prior.json

One entry per task: its direction, the number of its whole seeds, the point of each algorithm, and w of
`search.path_prior`, fitted by least squares to the means of all paths over seeds. Seeds without all paths are left out.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.paths.table import pack, phases_of, whole_trees
from benchmarks.paths.tasks import BENCHMARKS
from erpo_explore.errors import ErpoExploreError, ResultsError
from erpo_explore.search.path_prior import place_gains

__all__ = ["prior_of"]


def main() -> None:
    """Write the file of all tasks that have logs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, required=True, help="folder that `train` wrote into")
    parser.add_argument("--out", type=Path, required=True, help="file of the prior")
    options = parser.parse_args()
    try:
        tasks = [name for name in BENCHMARKS if list(options.logs.glob(f"{name}-*.jsonl"))]
        if not tasks:
            raise ResultsError(
                f"--logs: {options.logs} holds no logs; name the folder that benchmarks.paths.train wrote"
            )
        found = {task: prior_of(task, options.logs) for task in tasks}
    except ErpoExploreError as error:
        parser.exit(2, f"{error}\n")
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}: {', '.join(tasks)}")


def prior_of(task: str, logs: Path) -> dict[str, Any]:
    """The entry of a task.

    Args:
        task: Name of the benchmark.
        logs: Folder of the logs.

    Raises:
        ResultsError: No seed has all paths, or two logs have different settings.
    """
    benchmark = BENCHMARKS[task]
    table = whole_trees(benchmark, pack(task, logs), str(logs))
    phases, letters = phases_of(benchmark, table), "".join(benchmark.points)
    ends = table[table["path"].str.len() == benchmark.num_phases]
    means = ends.astype({"objective": float}).groupby("path")["objective"].mean()
    objectives = {tuple(map(letters.index, path)): float(mean) for path, mean in means.items()}
    return {
        "higher_is_better": benchmark.higher_is_better,
        "seeds": int(table["seed"].nunique()),
        "algorithms": {letter: point.to_dict() for letter, point in benchmark.points.items()},
        "gains": [[round(gain, 4) for gain in row] for row in place_gains(phases, objectives)],
    }


if __name__ == "__main__":
    main()
