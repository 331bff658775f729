"""Paths that searches find on the surrogate, to be trained and recorded as well.

    .venv/bin/python -m benchmarks.searches.challengers [--each 12]

A surrogate of grids and random paths is least accurate where it predicts the highest scores, because a search finds its
errors. So the paths of long and short searches are stored here, `record_surface` trains them too, and the surrogate
uses both. Each call adds the paths found on the present surface.
"""

import argparse
import json
from pathlib import Path as FilePath
from typing import Final

from benchmarks.searches.optimum import search
from benchmarks.searches.searches import METHODS
from benchmarks.searches.surface import load_surface
from benchmarks.searches.surface_paths import CHALLENGERS, INTERVALS, RANGES
from erpo_explore.space import Path

_METHODS: Final = ("PBT", "ours")
_GENERATIONS: Final = (20, 60, 200)


def main() -> None:
    """Search with new seeds, and add the paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=12, help="paths per kind of search")
    options = parser.parse_args()
    kept = json.loads(CHALLENGERS.read_text()) if CHALLENGERS.exists() else []
    surface, first = load_surface(), 1000 + len(kept)
    for seed in range(first, first + options.each):
        found = [METHODS[name](surface, seed)[-1] for name in _METHODS]
        found.append(search(surface, _GENERATIONS[seed % len(_GENERATIONS)], seed=seed))
        kept += [_knots(path) for path in found]
    _write(CHALLENGERS, kept)
    print(f"{CHALLENGERS}: {len(kept)} paths; run record_surface to train the new ones")


def _knots(path: Path) -> list[list[float]]:
    points = [path.at(index / INTERVALS).reward for index in range(INTERVALS + 1)]
    return [[round(getattr(point, name), 4) for name in RANGES] for point in points]


def _write(file: FilePath, paths: list[list[list[float]]]) -> None:
    file.write_text("[\n" + ",\n".join(json.dumps(knots) for knots in paths) + "\n]\n")


if __name__ == "__main__":
    main()
