"""Holm's correction of p-values for multiple comparisons (Holm 1979).

Of m p-values, the i-th smallest becomes

    p_(i) ← max_{j ≤ i} min(1, (m − j + 1) p_(j)),   p_(1) ≤ … ≤ p_(m).
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number. One that is NaN stays NaN, and counts as a comparison.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    ranked = sorted(range(len(p_values)), key=lambda index: np.nan_to_num(p_values[index], nan=1.0))
    corrected, highest = [float("nan")] * len(p_values), 0.0
    for rank, index in enumerate(ranked):
        if not np.isnan(p_values[index]):
            highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
            corrected[index] = highest
    return corrected
