"""What a table of every path answers, as Markdown.

    python -m benchmarks.paths.answers --task pronunciations

What is chosen on some seeds is judged on another one, in turn: the best of a thousand paths on the seeds that chose it
is a lucky one. Differences are paired by seed.

Legend: S seeds, P whole paths, Q phases, A algorithms.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from benchmarks.paths.table import DATA, load_table
from benchmarks.paths.tasks import BENCHMARKS
from erpo_explore.errors import ErpoExploreError

__all__ = ["Answers", "markdown"]

_DIFFERENCE = 0.5
"""Difference of two paths that a test shall detect, in points."""


def main() -> None:
    """Print the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=list(BENCHMARKS), required=True)
    parser.add_argument("--tables", type=Path, default=DATA, help="folder of the tables")
    options = parser.parse_args()
    try:
        print(markdown(Answers(load_table(options.task, options.tables), "".join(BENCHMARKS[options.task].points))))
    except ErpoExploreError as error:
        parser.exit(2, f"{error}\n")


@dataclass(frozen=True, eq=False)
class Answers:
    """A table with its answers.

    Attributes:
        table: One row per seed and prefix, with columns seed, path, objective.
        letters: The algorithms, maximum likelihood first.
    """

    table: pd.DataFrame
    letters: str

    @cached_property
    def num_phases(self) -> int:
        """Q."""
        return int(self.table["path"].str.len().max())

    @cached_property
    def paths(self) -> list[str]:
        """The whole paths, in the order of columns."""
        return ["".join(letters) for letters in product(self.letters, repeat=self.num_phases)]

    @cached_property
    def _by_seed(self) -> pd.DataFrame:
        return self.table.pivot(index="seed", columns="path", values="objective")

    @cached_property
    def end_SP(self) -> Float[np.ndarray, "S P"]:
        """Objective of each seed and whole path."""
        return self._by_seed[self.paths].to_numpy(np.float64)

    def held_out(self, choose: Callable[[pd.Series], str]) -> Float[np.ndarray, " S"]:
        """Gain over maximum likelihood on each seed, of the path that is chosen on the mean of the other seeds.

        Args:
            choose: Takes the mean objective of each prefix to a whole path.
        """
        gains = []
        for seed in self._by_seed.index:
            chosen = choose(self._by_seed.drop(index=seed).mean())
            own = self._by_seed.loc[seed]
            gains.append(float(own[chosen] - own[self.letters[0] * self.num_phases]))
        return np.array(gains)

    def best_path(self, means: pd.Series) -> str:
        """The path of the highest mean."""
        return str(means[self.paths].idxmax())

    def best_point(self, means: pd.Series) -> str:
        """The constant path of the highest mean."""
        return str(means[[letter * self.num_phases for letter in self.letters]].idxmax())

    def best_by_places(self, means: pd.Series) -> str:
        """The best letter of each place, by an additive model."""
        mean_PQ = means[self.paths].to_numpy().reshape([len(self.letters)] * self.num_phases)
        axes = range(self.num_phases)
        best = [int(mean_PQ.mean(axis=tuple(set(axes) - {place})).argmax()) for place in axes]
        return "".join(self.letters[letter] for letter in best)

    def greedy(self, means: pd.Series) -> str:
        """The letter with the best score after each phase, one phase after the other."""
        path = ""
        for _ in range(self.num_phases):
            path = str(means[[path + letter for letter in self.letters]].idxmax())
        return path

    def explained(self) -> dict[str, float]:
        """Share of the variance of the paths' means that models explain, without correction for their parameters."""
        mean_P = self.end_SP.mean(axis=0)
        one_hot = np.array([[[own == letter for letter in self.letters] for own in path] for path in self.paths], float)
        counts, places = one_hot.sum(axis=1), one_hot.reshape(len(self.paths), -1)
        pairs = (one_hot[:, :-1, :, None] * one_hot[:, 1:, None, :]).reshape(len(self.paths), -1)
        models = {"how often each occurs": counts, "places": places, "places, neighbours": np.hstack([places, pairs])}
        total = mean_P - mean_P.mean()
        explained = {}
        for name, design in models.items():
            fitted = design @ np.linalg.lstsq(design, mean_P, rcond=None)[0]
            explained[name] = 1.0 - float(((mean_P - fitted) ** 2).sum() / (total**2).sum())
        return explained

    def foretold(self) -> list[float]:
        """Rank correlation of a seed's scores after 1 … Q phases with the paths' mean ends on the other seeds."""
        found = []
        for phase in range(1, self.num_phases + 1):
            rhos = []
            for index, seed in enumerate(self._by_seed.index):
                now_P = self._by_seed.loc[seed][[path[:phase] for path in self.paths]].to_numpy()
                others_P = np.delete(self.end_SP, index, axis=0).mean(axis=0)
                rhos.append(float(stats.spearmanr(now_P, others_P).statistic))
            found.append(float(np.mean(rhos)))
        return found

    def spread(self) -> float:
        """Standard deviation over seeds of the paired difference of two of the best twentieth of paths, median."""
        mean_P = self.end_SP.mean(axis=0)
        best = np.argsort(-mean_P)[: max(2, len(mean_P) // 20)]
        ends_SB = self.end_SP[:, best]
        pairs = ends_SB[:, :, None] - ends_SB[:, None, :]
        deviations = pairs.std(axis=0, ddof=1)[np.triu_indices(len(best), 1)]
        return float(np.median(deviations))


def markdown(answers: Answers) -> str:
    """The answers as lists and tables."""
    num_seeds = len(answers.end_SP)
    lines = [f"{num_seeds} seeds, {len(answers.paths):,} paths.", ""]
    if num_seeds < 2:
        return "\n".join([*lines, "One seed answers nothing: what it chooses cannot be judged on another one."])
    lines += [
        "| chosen on the other seeds | gain over maximum likelihood | over the best point |",
        "| --- | ---: | ---: |",
    ]
    choices = {
        "best path": answers.best_path,
        "best path by places": answers.best_by_places,
        "greedy path": answers.greedy,
        "best point": answers.best_point,
    }
    point_S = answers.held_out(answers.best_point)
    for name, choose in choices.items():
        gain_S = answers.held_out(choose)
        over = "" if name == "best point" else _shown(gain_S - point_S)
        lines.append(f"| {name} | {_shown(gain_S)} | {over} |")
    lines += ["", "| model of the paths' means | variance explained |", "| --- | ---: |"]
    lines += [f"| {name} | {share:.0%} |" for name, share in answers.explained().items()]
    lines += ["", "| phases trained | rank correlation with the end on other seeds |", "| --- | ---: |"]
    lines += [f"| {phase} | {rho:.2f} |" for phase, rho in enumerate(answers.foretold(), start=1)]
    spread = answers.spread()
    lines += [
        "",
        f"Two good paths differ by seed with a standard deviation of {spread:.2f}. To tell {_DIFFERENCE} points apart "
        f"takes {_seeds_needed(spread)} paired seeds (t-test, 5 %, power 80 %).",
    ]
    return "\n".join(lines)


def _shown(value_S: Float[np.ndarray, " S"]) -> str:
    half = stats.t.ppf(0.975, len(value_S) - 1) * value_S.std(ddof=1) / np.sqrt(len(value_S))
    return f"{value_S.mean():+.2f} ± {half:.2f}"


def _seeds_needed(deviation: float) -> int:
    """Seeds with which a paired two-sided t-test finds the difference with a power of 80 %."""
    for num in range(2, 1000):
        shift = _DIFFERENCE * np.sqrt(num) / max(deviation, 1e-9)
        if stats.nct.sf(stats.t.ppf(0.975, num - 1), num - 1, shift) >= 0.8:
            return num
    return 1000


if __name__ == "__main__":
    main()
