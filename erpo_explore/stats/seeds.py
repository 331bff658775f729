"""Differences between training algorithms over a few seeds of each.

All intervals use Student's t: with 2 to 10 seeds the normal interval is far too narrow. Left out: a correction for
choosing the best of many algorithms; the report states this in words. The paired bootstrap over sentences
(`stats.bootstrap`) compares two sets of weights, not two algorithms; `analysis.replay` combines both.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["ConfidenceInterval", "Difference", "confidence_interval", "difference", "effect_size"]

CONFIDENCE = 0.95
NO_SPREAD = 1e-9  # scores are 0-100, so a smaller spread is floating-point rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceInterval:
    """A mean over seeds with its 95 % confidence interval.

    `sd`, `low` and `high` are None for a single seed, which gives no estimate of the spread.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.mean:.2f} (n = 1: no interval)"
        return f"{self.mean:.2f} ± {self.high - self.mean:.2f} (95 %, n = {self.n})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Difference between two algorithms in points of the score, first minus second.

    `low`, `high` and `p_value` are None with too few seeds, or without any spread over seeds.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    test: str
    verdict: str


def confidence_interval(scores: Sequence[float]) -> ConfidenceInterval:
    """Compute the mean and its 95 % t-interval, `mean ± t_{0.975, n-1} · sd / √n`.

    Args:
        scores: One score per seed; at least one.

    Raises:
        ValueError: There is no score.
    """
    n = len(scores)
    if n == 0:
        raise ValueError("an interval needs at least one score, got none")
    mean = float(np.mean(scores))
    if n == 1:
        return ConfidenceInterval(n=1, mean=mean, sd=None, low=None, high=None)
    sd = float(np.std(scores, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / n**0.5
    return ConfidenceInterval(n=n, mean=mean, sd=sd, low=mean - half, high=mean + half)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Compare two algorithms over seeds: paired when both ran the same seeds, Welch's test otherwise.

    Args:
        first: Score by seed of one algorithm.
        second: Score by seed of the other.

    Raises:
        ValueError: Either has no score.
    """
    if not first or not second:
        raise ValueError("a difference needs at least one score on either side")
    paired = set(first) == set(second)
    test = "paired t-test" if paired else "Welch's t-test"
    mean = float(np.mean(list(first.values())) - np.mean(list(second.values())))
    if min(len(first), len(second)) == 1:
        return _undecided(mean, test, "n = 1: no interval, so nothing says whether the difference is noise")
    with warnings.catch_warnings():
        # scipy warns of any sample with hardly any spread; one such side is fine, and two are caught below
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        if paired:
            differences = [first[seed] - second[seed] for seed in sorted(first)]
            if np.ptp(differences) < NO_SPREAD:
                return _undecided(mean, test, "every seed differs by the same amount: no interval can be computed")
            result = stats.ttest_1samp(differences, 0.0)
        else:
            sides = list(first.values()), list(second.values())
            if all(np.ptp(side) < NO_SPREAD for side in sides):
                return _undecided(mean, test, "no spread over seeds on either side: no interval can be computed")
            result = stats.ttest_ind(*sides, equal_var=False)
    bounds = result.confidence_interval(CONFIDENCE)
    low, high = float(bounds.low), float(bounds.high)
    sizes = f"n = {len(first)}" if paired else f"n = {len(first)} and {len(second)}"
    real = "the difference is within noise" if low <= 0 <= high else "the difference is larger than noise"
    verdict = f"{real}: {mean:+.2f}, 95 % interval {low:+.2f} to {high:+.2f} ({test}, {sizes})"
    return Difference(mean=mean, low=low, high=high, p_value=float(result.pvalue), test=test, verdict=verdict)


def effect_size(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute Hedges' g (1981): the difference between two algorithms in standard deviations over seeds.

        g = (1 − 3 / (4 (n₁ + n₂) − 9)) · (mean₁ − mean₂) / sd_pooled

    Args:
        first: One score per seed.
        second: One score per seed of the other algorithm.

    Returns:
        None for fewer than two seeds on either side, or no spread at all.

    Example:
        >>> round(effect_size([2.0, 4.0, 6.0], [1.0, 3.0, 5.0]), 2)
        0.4
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        return None
    pooled = (((n - 1) * np.var(first, ddof=1) + (m - 1) * np.var(second, ddof=1)) / (n + m - 2)) ** 0.5
    if pooled < NO_SPREAD:
        return None
    return float((1 - 3 / (4 * (n + m) - 9)) * (np.mean(first) - np.mean(second)) / pooled)


def _undecided(mean: float, test: str, verdict: str) -> Difference:
    """A difference without interval or p-value."""
    return Difference(mean=mean, low=None, high=None, p_value=None, test=test, verdict=f"{mean:+.2f}, {verdict}")
