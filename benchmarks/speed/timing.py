"""Pieces of work that take turns, and the table of what they cost.

In each round every piece runs once, in an order that rotates, so that a slow minute of the machine slows all of them.
For the same reason a ratio is the median of the rounds' own ratios, not the ratio of two medians.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

__all__ = ["Figures", "Goal", "interleaved", "machine", "ratios", "table"]

Work = Callable[[int], object]
"""A piece of work; is told the round, so that all of a round read the same batch."""

Figures = dict[str, list[float]]
"""Of each piece one figure a round: seconds, or tokens a second."""

_SCALES: Final = {"ms": 1e3, "s": 1.0, "tokens/s": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a piece is compared with.

    Attributes:
        base: The piece whose figure is 1; None where the figure itself is what is bounded, in the table's unit.
        most: What is allowed; None where there is no such bound.
        least: What is asked for; None likewise.
    """

    base: str | None = None
    most: float | None = None
    least: float | None = None

    def verdict(self, value: float) -> str:
        """The bound, and whether it holds; empty without one."""
        bounds = []
        if self.most is not None:
            bounds.append(f"≤ {self.most:g} {'met' if value <= self.most else 'missed'}")
        if self.least is not None:
            bounds.append(f"≥ {self.least:g} {'met' if value >= self.least else 'missed'}")
        return ", ".join(bounds)


def interleaved(
    work: Mapping[str, Work],
    rounds: int,
    *,
    device: torch.device | None = None,
    before: Work | None = None,
    warm_up: int = 1,
) -> Figures:
    """Run every piece once a round and clock it.

    Args:
        work: Pieces by name.
        rounds: How many rounds are clocked.
        device: Waited for before each look at the clock, where it is a GPU.
        before: Prepares a round, not clocked.
        warm_up: Rounds before them that are not.
    """
    names = list(work)
    times: Figures = {name: [] for name in work}
    for index in range(warm_up + rounds):
        if before is not None:
            before(index)
        first = index % len(names)
        for name in names[first:] + names[:first]:
            seconds = clocked(work[name], index, device)
            if index >= warm_up:
                times[name].append(seconds)
    return times


def clocked(work: Work, index: int, device: torch.device | None = None) -> float:
    """Seconds of one piece in round `index`, its launched kernels included."""
    # a collection in the middle of a piece would be charged to that piece alone
    gc.collect()
    gc.disable()
    _wait_for(device)
    started = time.perf_counter()
    work(index)
    _wait_for(device)
    seconds = time.perf_counter() - started
    gc.enable()
    return seconds


def _wait_for(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Of each round, how many times the base's figure."""
    return [one / other for one, other in zip(values, base, strict=True)]


def table(figures: Figures, goals: Mapping[str, Goal], *, title: str, unit: str = "ms") -> str:
    """Median and quartiles of each piece, and its ratio to what its goal names, as Markdown.

    Args:
        figures: Of each piece, one a round.
        goals: Comparisons; a piece without one has none in its row.
        title: Heading of the first column.
        unit: ms or s, of figures in seconds, or tokens/s.
    """
    lines = [f"| {title} | {unit} | quartiles | ratio | to | goal |", "| --- | --- | --- | --- | --- | --- |"]
    for name, values in figures.items():
        low, middle, high = (_SCALES[unit] * value for value in _quartiles(values))
        goal, compared, base = goals.get(name, Goal()), middle, ""
        if goal.base is not None:
            compared = statistics.median(ratios(values, figures[goal.base]))
            base = f"{number(compared)} | `{goal.base}`"
        cells = [f"`{name}`", number(middle), f"{number(low)}–{number(high)}", base or " | ", goal.verdict(compared)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, or all of a whole number that has more."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def machine(device: torch.device) -> str:
    """One line: what was measured on, and how busy it was."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return f"torch {torch.__version__}, {name}; load average {os.getloadavg()[0]:.1f} at the end"
