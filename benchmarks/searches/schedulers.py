"""Comparison of search methods with 8 members × 10 intervals on the recorded surface, without training.

    .venv/bin/python -m benchmarks.searches.schedulers [--seeds 20] [--only ours PBT] [--processes 1] [--write]

A search returns a path. Its regret is the best known true final score minus the true final score of the path, trained
from scratch as a replay would. The table is printed; `--write` writes table and curves into the docs.
"""

import argparse
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.searches.optimum import best_score
from benchmarks.searches.regret_figure import figure
from benchmarks.searches.searches import METHODS, VARIANTS
from benchmarks.searches.surface import Surface, load_surface, path_coordinates
from benchmarks.searches.surface_paths import mixed
from erpo_explore.space import Path

__all__ = ["BY_HAND", "Regrets", "regrets"]

DOCUMENT: Final = FilePath("docs/schedulers.md")
FIGURE: Final = FilePath("docs/schedulers.svg")
_BEGIN, _END = "<!-- the table is written by benchmarks/searches/schedulers.py -->", "<!-- end of the table -->"
_NOISY, _TRUTH = mixed(noise=0.3), mixed()

BY_HAND: Final = {
    "maximum likelihood": Path.constant(_TRUTH),
    "noise 0.1": Path.constant(mixed(noise=0.1)),
    "noise 0.3, then truth": Path(knots=((0.0, _NOISY), (0.5, _NOISY), (0.8, _TRUTH))),
}
"""Paths that need no search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrets:
    """Regrets of one method.

    Attributes:
        regret_ST: Regret in points of the returned path, by seed and share of the budget.
        wall_s: Seconds per search, mean over seeds.
    """

    regret_ST: np.ndarray
    wall_s: float

    @property
    def mean_T(self) -> np.ndarray:
        """Mean over seeds."""
        return np.asarray(self.regret_ST.mean(axis=0))

    @property
    def half_T(self) -> np.ndarray:
        """Half-width of the mean's 95 % interval (Student's t); 0 if all seeds agree."""
        num = len(self.regret_ST)
        if num < 2:
            return np.zeros(self.regret_ST.shape[1])
        spread_T = self.regret_ST.std(axis=0, ddof=1)
        return np.asarray(stats.t.ppf(0.975, num - 1) * spread_T / np.sqrt(num))


def main() -> None:
    """Search and print the table; `--write` also writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="searches per method")
    parser.add_argument(
        "--only", nargs="*", default=list(METHODS), choices=list(METHODS), help="methods to run; default: all"
    )
    parser.add_argument("--processes", type=int, default=1, help="parallel searches")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT} and {FIGURE}")
    options = parser.parse_args()
    surface = load_surface()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        jobs = [(name, seed) for seed in range(options.seeds) for name in options.only]
        results = pool.starmap(_search, jobs, chunksize=1)
    found: dict[str, Regrets] = {}
    for name in options.only:
        own = [result for (method, _), result in zip(jobs, results, strict=True) if method == name]
        found[name] = regrets(surface, [paths for paths, _ in own], float(np.mean([wall_s for _, wall_s in own])))
    text = table(surface, found)
    print(text)
    if options.write:
        FIGURE.write_text(figure({name: (one.mean_T, one.half_T) for name, one in found.items()}))
        before, rest = DOCUMENT.read_text().split(_BEGIN)
        DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}")


def _search(name: str, seed: int) -> tuple[list[Path], float]:
    """Paths that a method returns after each share of its budget, and seconds of the search."""
    surface = load_surface()
    with threadpool_limits(1):
        surface.warm_up()
        started = time.perf_counter()
        paths = METHODS[name](surface, seed)
        return paths, time.perf_counter() - started


def regrets(surface: Surface, paths_ST: list[list[Path]], wall_s: float) -> Regrets:
    """Regrets of returned paths.

    Args:
        surface: Simulator of their true final scores.
        paths_ST: Paths by seed and share of the budget.
        wall_s: Seconds per search.
    """
    knots = np.stack([path_coordinates(path) for paths in paths_ST for path in paths])
    score_ST = surface.final_scores(knots).reshape(len(paths_ST), -1)
    return Regrets(regret_ST=best_score(surface) - score_ST, wall_s=wall_s)


def table(surface: Surface, found: dict[str, Regrets]) -> str:
    """Markdown table, least regret first, followed by the paths that need no search."""
    best = best_score(surface)
    lines = ["| method | regret | 95 % interval | final score | time per search |", "| --- | --- | --- | --- | --- |"]
    for name, one in sorted(found.items(), key=lambda item: item[1].mean_T[-1]):
        mean, half = one.mean_T[-1], one.half_T[-1]
        shown = f"**{name}**" if name in VARIANTS else name
        interval = f"{mean - half:.2f} – {mean + half:.2f}"
        lines.append(f"| {shown} | {mean:.2f} | {interval} | {best - mean:.2f} | {one.wall_s:.2f} s |")
    by_hand = surface.final_scores(np.stack([path_coordinates(path) for path in BY_HAND.values()]))
    lines += [
        f"| {name} | {best - score:.2f} | | {score:.2f} | |" for name, score in zip(BY_HAND, by_hand, strict=True)
    ]
    return "\n".join([*lines, f"| best path known | 0 | | {best:.2f} | |"])


if __name__ == "__main__":
    main()
