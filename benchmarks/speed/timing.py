"""Interleaved timing of several pieces of work, and a table of the results.

In each round every piece runs once, in a rotating order, so that a slow phase of the machine affects all of them. For
the same reason a ratio is the median of the rounds' ratios, not the ratio of two medians.
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
"""Piece of work; its argument is the round, so that all pieces of a round use the same batch."""

Clock = Callable[[], float]
"""Returns seconds."""

Figures = dict[str, list[float]]
"""One figure per piece and round: seconds, or tokens per second."""

_SCALES: Final = {"ms": 1e3, "s": 1.0, "tokens/s": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Bounds for a piece.

    Attributes:
        base: Piece that the figure is divided by; None if the bounds apply to the figure in the table's unit.
        most: Upper bound; None if there is none.
        least: Lower bound; None if there is none.
    """

    base: str | None = None
    most: float | None = None
    least: float | None = None

    def verdict(self, value: float) -> str:
        """Bounds and whether they hold; empty without bounds."""
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
    clock: Clock = time.perf_counter,
) -> Figures:
    """Time every piece once per round.

    Args:
        work: Pieces by name.
        rounds: Number of timed rounds.
        device: Device to synchronise with before each time stamp, if it is a GPU.
        before: Preparation of a round, not timed.
        warm_up: Number of rounds before them that are not timed.
        clock: `time.process_time` counts the CPU seconds of all threads, which other work on the machine changes less.
    """
    names = list(work)
    times: Figures = {name: [] for name in work}
    for index in range(warm_up + rounds):
        if before is not None:
            before(index)
        first = index % len(names)
        for name in names[first:] + names[:first]:
            seconds = clocked(work[name], index, device, clock)
            if index >= warm_up:
                times[name].append(seconds)
    return times


def clocked(work: Work, index: int, device: torch.device | None = None, clock: Clock = time.perf_counter) -> float:
    """Seconds of one piece in round `index`, including the kernels that it launches."""
    # a garbage collection would count for the piece in which it happens
    gc.collect()
    gc.disable()
    _wait_for(device)
    started = clock()
    work(index)
    _wait_for(device)
    seconds = clock() - started
    gc.enable()
    return seconds


def _wait_for(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Ratio to the base in each round."""
    return [one / other for one, other in zip(values, base, strict=True)]


def table(figures: Figures, goals: Mapping[str, Goal], *, title: str, unit: str = "ms") -> str:
    """Markdown table with median, quartiles and ratio to the goal's base per piece.

    Args:
        figures: Figures by piece, one per round.
        goals: Goals by piece; a piece may have none.
        title: Heading of the first column.
        unit: `ms` or `s` for figures in seconds, or `tokens/s`.
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
    """A number with three significant digits, or all digits before the point if there are more."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def machine(device: torch.device) -> str:
    """One line about the machine and its load."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return f"torch {torch.__version__}, {name}; load average {os.getloadavg()[0]:.1f} at the end"
