"""Axes of the parallel-coordinates figure: trials as lines across the coordinates.

Each coordinate is scaled to [0, 1] over the trials that have it. A coordinate without an order, such as the metric, has
one level per value, and one for none. A trial without a number has no point on that axis, and its line passes by.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from erpo_explore.analysis.trial_table import CHOICES, TITLES

__all__ = ["Axis", "parallel_axes", "shown_trials"]

LOGARITHMS: Final = ("log10_tau", "log10_reward_temperature")
MAX_LINES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """One coordinate.

    Attributes:
        title: Name of the coordinate.
        heights: Height of each trial, 0–1; NaN where it has none.
        ticks: Tick labels by height.
    """

    title: str
    heights: np.ndarray
    ticks: dict[float, str]


def shown_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Select at most 200 trials, evenly over the ranks, the best and the worst among them.

    Args:
        trials: Result of `trial_table`, the best first.
    """
    if len(trials) <= MAX_LINES:
        return trials
    return trials.iloc[np.linspace(0, len(trials) - 1, MAX_LINES).round().astype(int)]


def parallel_axes(trials: pd.DataFrame) -> list[Axis]:
    """Build an axis for each coordinate that differs between trials, and one for the score, which is last.

    Args:
        trials: Rows of `trial_table`; at least one.
    """
    differing = [name for name in TITLES if name == "score" or trials[name].nunique(dropna=False) > 1]
    return [_levels(name, trials[name]) if name in CHOICES else _scale(name, trials[name]) for name in differing]


def _scale(name: str, values: "pd.Series[float]") -> Axis:
    """Axis of a number, from its lowest to its highest value."""
    numbers = values.to_numpy(dtype=np.float64)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    span = (high - low) or 1.0
    texts = [_text(float(10**value if name in LOGARITHMS else value)) for value in (low, high)]
    ticks = {0.0: texts[0]} | ({1.0: texts[1]} if high > low else {})
    return Axis(title=TITLES[name], heights=(numbers - low) / span, ticks=ticks)


def _text(value: float) -> str:
    """Format with three significant digits; all digits before the decimal point are kept."""
    return f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def _levels(name: str, values: "pd.Series[str]") -> Axis:
    """Axis with one level per value, in alphabetical order; none is the lowest."""
    texts = values.astype(object).where(values.notna(), "none").astype(str)
    known = sorted(texts.unique(), key=lambda text: (text != "none", text))
    heights = {text: number / max(1, len(known) - 1) for number, text in enumerate(known)}
    return Axis(
        title=TITLES[name],
        heights=texts.map(heights).to_numpy(dtype=np.float64),
        ticks={height: text for text, height in heights.items()},
    )
