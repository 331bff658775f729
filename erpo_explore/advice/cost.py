"""What an exploration costs: from the price of a step and of an evaluation to the time of all trials.

    trial = Σ_phases share · steps · price(point) + evaluations · (evaluation + report)

Trials are then put on the slots, the longest first, each on the slot that is free first. Early stopping is left out, so
that a search with it may end earlier.
"""

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from erpo_explore.space import Path, Point

__all__ = ["Estimate", "PricedTrial", "Timings", "duration", "estimate", "kind_of", "phases", "relative_costs"]

_REPORT_S: Final = 0.7
"""Seconds for a checkpoint, a row of results and a decision, measured with populations (docs/performance.md)."""

_SOON_S: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedTrial:
    """A trial as a list of phases.

    Attributes:
        group: What it is counted under: the name of a baseline, or `search`.
        phases: Shares of its budget, each with a point that stands for it; the shares sum to 1.
    """

    group: str
    phases: tuple[tuple[float, Point], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """What was timed on the machines that will train.

    Attributes:
        num_slots: Trials that train at the same time; as many processes were timed at once.
        startup_s: Seconds until a worker is ready.
        step_s: Seconds per step, by `kind_of` its point.
        evaluation_s: Seconds per evaluation.
        test_s: Seconds to decode the test set at the end of a trial; 0 where that is not done.
    """

    num_slots: int
    startup_s: float
    step_s: Mapping[str, float]
    evaluation_s: float
    test_s: float = 0.0

    def price(self, point: Point) -> float:
        """Seconds per step at a point; of a kind that was not timed, those of the dearest."""
        return self.step_s.get(kind_of(point), max(self.step_s.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The cost of an exploration.

    Attributes:
        num_trials: Number of trials.
        steps: Steps per trial.
        num_slots: Trials that train at the same time.
        seconds: Time of the whole.
        prices: Mean seconds per step, by group of trials.
        evaluation_s: Seconds per evaluation.
        changed: What was changed so that it fits into the time, for people.
    """

    num_trials: int
    steps: int
    num_slots: int
    seconds: float
    prices: Mapping[str, float]
    evaluation_s: float
    changed: tuple[str, ...] = ()

    def after(self, first: "Estimate") -> "Estimate":
        """The same trials, after others that train their initial checkpoints."""
        return replace(self, seconds=self.seconds + first.seconds)

    @property
    def sentence(self) -> str:
        """Trials, steps, slots and time.

        >>> Estimate(num_trials=13, steps=4000, num_slots=2, seconds=7740.0, prices={}, evaluation_s=1.0).sentence
        '13 trials of 4,000 steps on 2 slots: about 2 h 10 min'
        """
        trials = "1 trial" if self.num_trials == 1 else f"{self.num_trials:,} trials"
        slots = "1 slot" if self.num_slots == 1 else f"{self.num_slots:,} slots"
        return f"{trials} of {self.steps:,} steps on {slots}: about {duration(self.seconds)}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentence, and what was timed, at most 80 columns wide."""
        prices = [f"{name} {_number(price)}" for name, price in self.prices.items()]
        prices.append(f"an evaluation {_number(self.evaluation_s)}")
        timed = "timed with 1 process" if self.num_slots == 1 else f"timed with {self.num_slots} processes at once"
        changed = _wrapped("to fit into the time:", self.changed) if self.changed else ()
        return (*changed, self.sentence, *_wrapped(f"seconds per step ({timed}):", prices))


def kind_of(point: Point) -> str:
    """What decides the cost of a step: two points of one kind differ in numbers alone, and cost the same."""
    reward = point.reward
    parts = [name for name in ("truth", "noise", "task", "model") if getattr(reward, name) > 0.0]
    if reward.task > 0.0:
        parts.append(str(reward.metric))
    if reward.noise > 0.0:
        parts.append(reward.noise_kind)
    trust = "inf" if point.is_policy_gradient else "positive" if point.alpha > 0.0 else "0"
    forced = "all" if point.forced == 1.0 else "some" if point.forced > 0.0 else "none"
    estimator = f"{point.estimator.kind} {point.estimator.samples} {point.estimator.chosen_baseline}"
    if point.estimator.reuse > 1:
        estimator += f" reuse={point.estimator.reuse}"
    anchor = "" if point.anchor == "self" else f" anchor={point.anchor}"
    return f"{'+'.join(parts)} alpha={trust} {point.prefix} {point.label} {estimator} forced={forced}{anchor}"


def phases(path: Path) -> tuple[tuple[float, Point], ...]:
    """A path as shares of the budget, each with the point in its middle; a blend counts as its parts.

    A path on the clock `plateau` is taken at its knots' positions, as if the score dropped at regular times.
    """
    bounds = sorted({0.0, 1.0, *(at for at, _ in path.knots)})
    return tuple(
        ((end - begin) * share, point)
        for begin, end in itertools.pairwise(bounds)
        for share, point in path.at((begin + end) / 2).parts
    )


def estimate(trials: Sequence[PricedTrial], timings: Timings, *, steps: int, interval: int) -> Estimate:
    """The cost of trials.

    Args:
        trials: All trials.
        timings: Prices.
        steps: Budget of each trial.
        interval: Steps between two evaluations.
    """
    evaluations_s = steps / interval * (timings.evaluation_s + _REPORT_S) + timings.test_s
    prices = [sum(share * timings.price(point) for share, point in trial.phases) for trial in trials]
    seconds = timings.startup_s + _makespan([steps * price + evaluations_s for price in prices], timings.num_slots)
    groups: dict[str, list[float]] = {}
    for trial, price in zip(trials, prices, strict=True):
        groups.setdefault(trial.group, []).append(price)
    return Estimate(
        num_trials=len(trials),
        steps=steps,
        num_slots=timings.num_slots,
        seconds=seconds,
        prices={group: sum(values) / len(values) for group, values in groups.items()},
        evaluation_s=timings.evaluation_s,
    )


def relative_costs(points: Mapping[str, Point], timings: Timings, *, steps: int, interval: int) -> dict[str, float]:
    """Time of a whole training at each point, in that of the first.

    Args:
        points: Points by name.
        timings: Prices, with those of the points' kinds.
        steps: Budget of a training.
        interval: Steps between two evaluations.
    """
    evaluations_s = steps / interval * (timings.evaluation_s + _REPORT_S)
    seconds = {name: steps * timings.price(point) + evaluations_s for name, point in points.items()}
    first = next(iter(seconds.values()))
    return {name: round(value / first, 3) for name, value in seconds.items()}


def duration(seconds: float) -> str:
    """A duration as people say it, to about five percent.

    >>> [duration(s) for s in (20.0, 75.0, 400.0, 3000.0, 5400.0, 2e5)]
    ['20 s', '75 s', '7 min', '50 min', '1 h 30 min', '2 days 7 h']
    """
    if seconds < _SOON_S:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    minutes = 5 * round(minutes / 5)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} day{'s' if days > 1 else ''} {hours} h"


def _makespan(lengths: Iterable[float], num_slots: int) -> float:
    """Time until all trials have ended, the longest begun first."""
    free = [0.0] * num_slots
    for length in sorted(lengths, reverse=True):
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def _number(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def _wrapped(head: str, entries: Sequence[str], width: int = 80) -> list[str]:
    """Entries separated by commas, on as many lines as needed."""
    lines = [head]
    for index, entry in enumerate(entries):
        text = entry + ("," if index + 1 < len(entries) else "")
        if len(lines[-1]) + 1 + len(text) > width:
            lines.append(" ")
        lines[-1] += f" {text}"
    return lines
