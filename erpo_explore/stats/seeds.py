"""Which differences between training algorithms are real, given a few seeds of each.

Student's t throughout: with 2 to 10 seeds the normal interval is far too narrow. Left out: a correction for having
picked the best of many algorithms; the report says so in words. A paired bootstrap over sentences answers another
question (these weights against those, not this algorithm against that); `replayed` asks both.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Difference", "Interval", "difference", "effect_size", "interval"]

CONFIDENCE = 0.95
NO_SPREAD = 1e-9  # scores are of 0-100, so a smaller spread is floating-point rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over seeds and where the true one lies with 95 % confidence.

    `sd`, `low` and `high` are None for a single seed, which tells nothing about the spread.
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
    """How much better the first of two algorithms is than the second, in points of the score.

    `low`, `high` and `p_value` are None when there are too few seeds, or no spread at all, to tell.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    test: str
    verdict: str


def interval(scores: Sequence[float]) -> Interval:
    """The mean and its 95 % t-interval, `mean ± t_{0.975, n-1} · sd / √n`.

    Args:
        scores: One score a seed; at least one.

    Raises:
        ValueError: if there is no score.
    """
    n = len(scores)
    if n == 0:
        raise ValueError("an interval needs at least one score, got none")
    mean = float(np.mean(scores))
    if n == 1:
        return Interval(n=1, mean=mean, sd=None, low=None, high=None)
    sd = float(np.std(scores, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / n**0.5
    return Interval(n=n, mean=mean, sd=sd, low=mean - half, high=mean + half)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Compare two algorithms over seeds: paired when both ran the same seeds, Welch's test otherwise.

    Args:
        first: Score of each seed of the one algorithm.
        second: The same of the other.

    Raises:
        ValueError: if either has no score.
    """
    if not first or not second:
        raise ValueError("a difference needs at least one score on either side")
    paired = set(first) == set(second)
    test = "paired t-test" if paired else "Welch's t-test"
    mean = float(np.mean(list(first.values())) - np.mean(list(second.values())))
    if min(len(first), len(second)) == 1:
        return _undecided(mean, test, "n = 1: no interval, so nothing says whether the difference is noise")
    with warnings.catch_warnings():
        # scipy warns of any sample with hardly a spread; one such side is fine, and none at all is caught below
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
    """How far apart two algorithms are, in standard deviations over seeds: Hedges' g (1981).

        g = (1 − 3 / (4 (n₁ + n₂) − 9)) · (mean₁ − mean₂) / sd_pooled

    Args:
        first: One score a seed.
        second: The same of the other algorithm.

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
    """A difference that nothing can be said about."""
    return Difference(mean=mean, low=None, high=None, p_value=None, test=test, verdict=f"{mean:+.2f}, {verdict}")
