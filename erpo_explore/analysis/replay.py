"""Comparison of a found path with its baselines: the runs of a replay, over seeds and over sentences.

A difference has two sources of noise: another seed would have trained other weights, and other sentences would have
scored the same weights differently. A path therefore beats a baseline only where *both* tests are significant:

    p = max(p of the t-test over seeds, p of the paired bootstrap over sentences)

This is an intersection-union test, which keeps its level (Berger 1982). With several baselines, p is corrected by
`stats.holm`. The bootstrap draws sentences once for all runs, and compares the means over seeds on the same resampled
corpora.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from erpo_explore.analysis.runs import Runs
from erpo_explore.stats.bootstrap import Comparison, Resampled, Resamples, compare, resample
from erpo_explore.stats.holm import holm
from erpo_explore.stats.seeds import Difference, confidence_interval, difference, effect_size

__all__ = ["LEVEL", "replay_table"]

LEVEL: Final = 0.05
"""Significance level of a verdict, after Holm's correction."""

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


def replay_table(
    runs: Sequence[Runs], found: str, generator: np.random.Generator, *, num_resamples: int = 1000
) -> pd.DataFrame:
    """Summarise each algorithm over its seeds, and compare the found path with it.

    Args:
        runs: Runs of the found path and of its baselines.
        found: Name of the found path.
        generator: Draws the resampled corpora.
        num_resamples: Number of resampled corpora.

    Returns:
        One row per algorithm: the found path first, then its baselines, the best mean first. Null where a value cannot
        be known. Columns:
        algorithm, n (seeds with a score), num_unscored. mean, low, high: mean over seeds with its 95 %
        t-interval. difference, difference_low, difference_high: found path minus this algorithm, with its 95 %
        interval over seeds. The test is paired where the seeds are the same, else Welch's. effect_size: Hedges'
        g over seeds. seeds_p_value, sentences_p_value, holm_p_value: the last is the larger of both, corrected
        for the number of baselines. verdict: beats, worse or unclear, of the found path; below 0 a difference of
        error rates is better. median_steps,
        median_elapsed_s, median_tokens_per_s: cost of a run.

    Raises:
        ValueError: There is no run of the found path.
    """
    by_name = {each.name: each for each in runs}
    if found not in by_name:
        raise ValueError(f"found must be one of {', '.join(by_name)}, got {found!r}")
    baselines = [each for name, each in by_name.items() if name != found]
    resampled = _resampled(runs, generator, num_resamples)
    rows = [_row(by_name[found])]
    for baseline in baselines:
        row = _row(baseline)
        if by_name[found].scores and baseline.scores:
            over_seeds = difference(by_name[found].scores, baseline.scores)
            over_sentences = _compared(resampled, found, baseline.name)
            row |= _lead(over_seeds, over_sentences)
            row["effect_size"] = effect_size(list(by_name[found].scores.values()), list(baseline.scores.values()))
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = [name for name in COLUMNS if name not in ("algorithm", "n", "num_unscored", "verdict")]
    table = table.astype(dict.fromkeys(numbers, "float64"))
    table.loc[1:, "holm_p_value"] = holm(table.loc[1:, "holm_p_value"].tolist())
    sign = by_name[found].sign
    tested = table.loc[1:, ["difference", "holm_p_value"]].to_numpy()
    table["verdict"] = [None, *(_verdict(sign * lead, p_value) for lead, p_value in tested)]
    ranked = table.iloc[1:].sort_values("mean", ascending=sign < 0.0, kind="stable", na_position="last")
    return pd.concat([table.iloc[:1], ranked], ignore_index=True)


def _resampled(runs: Sequence[Runs], generator: np.random.Generator, num_resamples: int) -> dict[str, Resampled]:
    """Mean score of each algorithm over its seeds, on the same resampled corpora."""
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


def _compared(resampled: Mapping[str, Resampled], found: str, baseline: str) -> Comparison | None:
    return compare(resampled[found], resampled[baseline]) if {found, baseline} <= resampled.keys() else None


def _row(runs: Runs) -> dict[str, object]:
    """Columns that need the algorithm's own runs only."""
    row: dict[str, object] = {"algorithm": runs.name, "n": len(runs.scores), "num_unscored": runs.num_unscored}
    if runs.scores:
        over_seeds = confidence_interval(list(runs.scores.values()))
        row |= {"mean": over_seeds.mean, "low": over_seeds.low, "high": over_seeds.high}
    return row | {
        "median_steps": runs.steps,
        "median_elapsed_s": runs.elapsed_s,
        "median_tokens_per_s": runs.tokens_per_s,
    }


def _lead(over_seeds: Difference, over_sentences: Comparison | None) -> dict[str, object]:
    """Columns of the comparison with a baseline; `holm_p_value` is not corrected yet.

    A single seed gives no information about other seeds, so its difference is never significant.
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
