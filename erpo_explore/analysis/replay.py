"""Is a found path better than its rivals: the runs of a replay, compared over seeds and over sentences.

Two kinds of noise stand between a difference and a claim: another seed would have trained other weights, and other
sentences would have scored the same weights otherwise. So a path beats a rival where *both* tests say so,

    p = max(p of the t-test over seeds, p of the paired bootstrap over sentences)

which is an intersection-union test, and keeps its level (Berger 1982). Among m rivals, p is corrected by Holm (1979),

    p_(i) ← max_{j ≤ i} min(1, (m − j + 1) p_(j)),   p_(1) ≤ … ≤ p_(m).

The bootstrap draws sentences once for all runs, and compares the means over seeds on the same resampled corpora.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from erpo_explore.stats.bootstrap import Comparison, CorpusStatistics, Resampled, Resamples, compare, resample
from erpo_explore.stats.seeds import Difference, difference, effect_size, interval
from erpo_explore.store import load_results
from erpo_explore.store.files import Location

__all__ = ["Runs", "holm", "load_runs", "replay_table", "statistics_of"]

LEVEL: Final = 0.05
COLUMNS: Final = (
    "algorithm",
    "n",
    "num_unscored",
    "mean",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "effect_size",
    "seeds_p_value",
    "sentences_p_value",
    "holm_p_value",
    "verdict",
    "median_steps",
    "median_elapsed_s",
    "median_tokens_per_s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The runs of one algorithm in a replay.

    Attributes:
        name: The algorithm or path.
        scores: Score of each seed, 0–100.
        statistics: What each sentence adds to these scores; those of all seeds, or none.
        num_unscored: Runs that diverged, failed or have not ended, and so are in no mean.
        steps: Median over runs.
        elapsed_s: Median over runs, of training and evaluation on the valid set.
        tokens_per_s: Median over reports.
    """

    name: str
    scores: Mapping[int, float]
    statistics: Mapping[int, CorpusStatistics]
    num_unscored: int
    steps: float
    elapsed_s: float
    tokens_per_s: float


def load_runs(folder: Location) -> tuple[str, list[Runs]]:
    """The runs of every algorithm and path in a results folder, and the split that they are scored on.

    That is the test set, decoded at the end of each run; where the task has none, the valid set at the last report.

    Raises:
        ResultsError: The folder holds no exploration.
    """
    observations, trials = load_results(folder), load_results(folder, "trials")
    tests, sentences = load_results(folder, "tests"), load_results(folder, "sentences")
    split = "test" if len(tests) else "validation"
    scored = tests if len(tests) else observations
    finished = set(trials[trials["status"] == "finished"]["trial"])
    last = scored[scored["trial"].isin(finished)].dropna(subset="score").groupby("trial").tail(1)
    decoded = last[["trial", "iteration"]].merge(sentences[sentences["split"] == split], on=["trial", "iteration"])
    scores = dict(zip(last["trial"], last["score"].astype(float), strict=True))
    statistics = {row["trial"]: statistics_of(row) for row in decoded.to_dict("records")}
    runs = []
    for name, group in trials.dropna(subset="algorithm").groupby("algorithm", sort=False):
        seeds = {int(seed): str(trial) for trial, seed in zip(group["trial"], group["seed"], strict=True)}
        kept = {seed: trial for seed, trial in seeds.items() if trial in scores}
        known = {seed: statistics[trial] for seed, trial in kept.items() if trial in statistics}
        reports = observations[observations["trial"].isin(group["trial"])]
        runs.append(
            Runs(
                name=str(name),
                scores={seed: scores[trial] for seed, trial in kept.items()},
                statistics=known if len(known) == len(kept) else {},
                num_unscored=len(group) - len(kept),
                steps=float(group["steps"].median()),
                elapsed_s=float(group["elapsed_s"].median()),
                tokens_per_s=float(reports["tokens_per_s"].median()),
            )
        )
    return split, runs


def replay_table(
    runs: Sequence[Runs], found: str, generator: np.random.Generator, *, num_resamples: int = 1000
) -> pd.DataFrame:
    """Each algorithm over its seeds, and the found path's lead over it.

    Args:
        runs: Of the found path and its rivals.
        found: Name of the found path.
        generator: Draws sentences.
        num_resamples: Corpora of the bootstrap.

    Returns:
        The found path first, then its rivals, the best mean first. Columns: algorithm, n (seeds with a score),
        num_unscored, mean with its 95 % t-interval low to high, difference (of the found path to this one; paired where
        the seeds are the same, else Welch's) with its 95 % interval over seeds, effect_size (Hedges' g over seeds),
        seeds_p_value, sentences_p_value,
        holm_p_value (of both, corrected for the number of rivals), verdict (of the found path: beats, worse, unclear),
        and the cost of a run: median_steps, median_elapsed_s, median_tokens_per_s. Null where it cannot be known.

    Raises:
        ValueError: There is no run of the found path.
    """
    by_name = {each.name: each for each in runs}
    if found not in by_name:
        raise ValueError(f"found must be one of {', '.join(by_name)}, got {found!r}")
    rivals = [each for name, each in by_name.items() if name != found]
    resampled = _resampled(runs, generator, num_resamples)
    rows = [_row(by_name[found])]
    for rival in rivals:
        row = _row(rival)
        if by_name[found].scores and rival.scores:
            over_seeds = difference(by_name[found].scores, rival.scores)
            over_sentences = _compared(resampled, found, rival.name)
            row |= _lead(over_seeds, over_sentences)
            row["effect_size"] = effect_size(list(by_name[found].scores.values()), list(rival.scores.values()))
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = [name for name in COLUMNS if name not in ("algorithm", "n", "num_unscored", "verdict")]
    table = table.astype(dict.fromkeys(numbers, "float64"))
    table.loc[1:, "holm_p_value"] = holm(table.loc[1:, "holm_p_value"].tolist())
    table["verdict"] = [None, *(_verdict(*row) for row in table.loc[1:, ["difference", "holm_p_value"]].to_numpy())]
    ranked = table.iloc[1:].sort_values("mean", ascending=False, kind="stable", na_position="last")
    return pd.concat([table.iloc[:1], ranked], ignore_index=True)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of p-values for their number; one that is NaN stays so, and counts as a comparison.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    ranked = sorted(range(len(p_values)), key=lambda index: np.nan_to_num(p_values[index], nan=1.0))
    corrected, highest = [float("nan")] * len(p_values), 0.0
    for place, index in enumerate(ranked):
        if not np.isnan(p_values[index]):
            highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
            corrected[index] = highest
    return corrected


def statistics_of(row: Mapping[Hashable, Any]) -> CorpusStatistics:
    """A row of the table `sentences` as a value."""
    return CorpusStatistics(kind=row["kind"], values_ND=np.asarray(row["values"]).reshape(row["num_sentences"], -1))


def _resampled(runs: Sequence[Runs], generator: np.random.Generator, num_resamples: int) -> dict[str, Resampled]:
    """Each algorithm's mean score over its seeds, on the same resampled corpora."""
    known = {each.name: list(each.statistics.values()) for each in runs if each.statistics}
    if not known:
        return {}
    sizes = {one.num_sentences for statistics in known.values() for one in statistics}
    resamples = Resamples.draw(max(sizes), generator, num_resamples=num_resamples)
    means = {}
    for name, statistics in known.items():
        each = [resample(one, resamples) for one in statistics]
        means[name] = Resampled(
            score=float(np.mean([one.score for one in each])),
            scores_B=np.mean([one.scores_B for one in each], axis=0),
        )
    return means


def _compared(resampled: Mapping[str, Resampled], found: str, rival: str) -> Comparison | None:
    return compare(resampled[found], resampled[rival]) if {found, rival} <= resampled.keys() else None


def _row(runs: Runs) -> dict[str, object]:
    """What an algorithm's runs say by themselves."""
    row: dict[str, object] = {"algorithm": runs.name, "n": len(runs.scores), "num_unscored": runs.num_unscored}
    if runs.scores:
        over_seeds = interval(list(runs.scores.values()))
        row |= {"mean": over_seeds.mean, "low": over_seeds.low, "high": over_seeds.high}
    return row | {
        "median_steps": runs.steps,
        "median_elapsed_s": runs.elapsed_s,
        "median_tokens_per_s": runs.tokens_per_s,
    }


def _lead(over_seeds: Difference, over_sentences: Comparison | None) -> dict[str, object]:
    """The found path's lead over a rival; `holm_p_value` still without the correction.

    A single seed tells nothing of other seeds, so a lead of one seed is never held to be real.
    """
    of_sentences = over_sentences.p_value if over_sentences is not None else None
    known = [p for p in (over_seeds.p_value, of_sentences) if p is not None]
    return {
        "difference": over_seeds.mean,
        "difference_low": over_seeds.low,
        "difference_high": over_seeds.high,
        "seeds_p_value": over_seeds.p_value,
        "sentences_p_value": of_sentences,
        "holm_p_value": max(known) if over_seeds.p_value is not None else None,
    }


def _verdict(lead: float, p_value: float) -> str:
    if not p_value < LEVEL:
        return "unclear"
    return "beats" if lead > 0.0 else "worse"
