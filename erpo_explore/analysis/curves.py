"""Learning curves: score of each named algorithm over training, with a band over its seeds.

The band at a step is the 95 % t-interval of the mean over the seeds that reported, `mean ± t_{0.975, n-1} · sd / √n`.
Left out: a correction for survivors. A seed that diverged is missing from then on, and n drops.
"""

import numpy as np
import pandas as pd
from scipy import stats

from erpo_explore.analysis.points import scored
from erpo_explore.stats.seeds import CONFIDENCE

__all__ = ["learning_curves", "thinned"]


def learning_curves(observations: pd.DataFrame) -> pd.DataFrame:
    """Mean score of each algorithm at each step, over seeds.

    Args:
        observations: The observations table.

    Returns:
        One row per algorithm and step, sorted by both: algorithm, step, n (seeds), mean, low, high. low and high are
        null where n = 1. A seed that ran twice counts once, with its mean.
    """
    counted = scored(observations)
    by_seed = counted.dropna(subset="algorithm").groupby(["algorithm", "step", "seed"], sort=True)["score"].mean()
    curves = by_seed.groupby(["algorithm", "step"]).agg(["count", "mean", "std"]).reset_index()
    n = curves["count"].to_numpy()
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, np.maximum(n - 1, 1))
    half = quantile * curves["std"].to_numpy() / np.sqrt(n)
    curves["low"], curves["high"] = curves["mean"] - half, curves["mean"] + half
    return curves.rename(columns={"count": "n"})[["algorithm", "step", "n", "mean", "low", "high"]]


def thinned(line: pd.DataFrame, max_count: int) -> pd.DataFrame:
    """Keep at most `max_count` rows, evenly spaced, the first and the last among them.

    Args:
        line: Rows in order.
        max_count: Largest number of rows, at least two.
    """
    if len(line) <= max_count:
        return line
    return line.iloc[np.unique(np.linspace(0, len(line) - 1, max_count).round().astype(int))]
