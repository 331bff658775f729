"""Paths that a surrogate thought best, to be recorded as well: where it is searched, it must be right.

    .venv/bin/python -m benchmarks.searches.challengers [--each 12]

A surrogate of grids and random paths is wrong just where it promises most, since a search finds its errors. So the
paths that long and short searches found on it are kept here, `record_surface` trains them, too, and the surrogate of
both is the one that is used. Each call adds what is found on the surface as it is recorded so far.
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
    """Search with seeds that were not used before, and add what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=12, help="paths of each kind of search")
    options = parser.parse_args()
    kept = json.loads(CHALLENGERS.read_text()) if CHALLENGERS.exists() else []
    surface, first = load_surface(), 1000 + len(kept)
    for seed in range(first, first + options.each):
        found = [METHODS[name](surface, seed)[-1] for name in _METHODS]
        found.append(search(surface, _GENERATIONS[seed % len(_GENERATIONS)], seed=seed))
        kept += [_knots(path) for path in found]
    _write(CHALLENGERS, kept)
    print(f"{CHALLENGERS}: {len(kept)} paths; record_surface trains what is new")


def _knots(path: Path) -> list[list[float]]:
    points = [path.at(place / INTERVALS).reward for place in range(INTERVALS + 1)]
    return [[round(getattr(point, name), 4) for name in RANGES] for point in points]


def _write(file: FilePath, paths: list[list[list[float]]]) -> None:
    file.write_text("[\n" + ",\n".join(json.dumps(knots) for knots in paths) + "\n]\n")


if __name__ == "__main__":
    main()
