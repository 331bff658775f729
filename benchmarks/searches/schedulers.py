"""Which search finds the best path with 8 members × 10 intervals? Without training, on the recorded surface.

    .venv/bin/python -m benchmarks.searches.schedulers [--seeds 20] [--only ours PBT] [--processes 1] [--write]

A search hands over a path, whose regret is the best true final score that is known less the true final score of that
path when it is walked from scratch, as a replay would. Prints the table; `--write` puts it and the curves into docs.
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
"""What needs no search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrets:
    """What one method's searches were worth.

    Attributes:
        regret_ST: Of the path that would be handed over, by seed and share of the budget, in points.
        wall_s: Of one search, the mean over seeds.
    """

    regret_ST: np.ndarray
    wall_s: float

    @property
    def mean_T(self) -> np.ndarray:
        """Mean over seeds."""
        return np.asarray(self.regret_ST.mean(axis=0))

    @property
    def half_T(self) -> np.ndarray:
        """Half of the mean's 95 % interval (Student's t); 0 where all seeds agree."""
        num = len(self.regret_ST)
        if num < 2:
            return np.zeros(self.regret_ST.shape[1])
        spread_T = self.regret_ST.std(axis=0, ddof=1)
        return np.asarray(stats.t.ppf(0.975, num - 1) * spread_T / np.sqrt(num))


def main() -> None:
    """Search, print the table, and write it down if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=list(METHODS), choices=list(METHODS), help="methods to run")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT} and {FIGURE}")
    options = parser.parse_args()
    surface = load_surface()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        asked = [(name, seed) for seed in range(options.seeds) for name in options.only]
        answers = pool.starmap(_search, asked, chunksize=1)
    found: dict[str, Regrets] = {}
    for name in options.only:
        own = [answer for (asked_name, _), answer in zip(asked, answers, strict=True) if asked_name == name]
        found[name] = regrets(surface, [paths for paths, _ in own], float(np.mean([wall_s for _, wall_s in own])))
    text = table(surface, found)
    print(text)
    if options.write:
        FIGURE.write_text(figure({name: (one.mean_T, one.half_T) for name, one in found.items()}))
        before, rest = DOCUMENT.read_text().split(_BEGIN)
        DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}")


def _search(name: str, seed: int) -> tuple[list[Path], float]:
    """What a method hands over after each share of its budget, and how long it took."""
    surface = load_surface()
    with threadpool_limits(1):
        surface.warm_up()
        started = time.perf_counter()
        paths = METHODS[name](surface, seed)
        return paths, time.perf_counter() - started


def regrets(surface: Surface, paths_ST: list[list[Path]], wall_s: float) -> Regrets:
    """Regrets of the paths that were handed over.

    Args:
        surface: Judges them.
        paths_ST: By seed and share of the budget.
        wall_s: Of one search.
    """
    knots = np.stack([path_coordinates(path) for paths in paths_ST for path in paths])
    score_ST = surface.final_scores(knots).reshape(len(paths_ST), -1)
    return Regrets(regret_ST=best_score(surface) - score_ST, wall_s=wall_s)


def table(surface: Surface, found: dict[str, Regrets]) -> str:
    """Markdown, least regret first; what needs no search below."""
    best = best_score(surface)
    lines = ["| method | regret | 95 % interval | final score | a search takes |", "| --- | --- | --- | --- | --- |"]
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
