"""What earlier knots have gained: the change in score of weights that walked to them.

    gain = s(w, t + k I) − s(w, t)

for weights w that stood at a point at progress t, walked to the knot in the interval I that followed, and on along
their path for k intervals altogether. Weights are followed across clones: a member that took a donor's weights goes on
where the donor stood. What came before the first report has no score, and no gain is made of it.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from erpo_explore.space import Path, Point

__all__ = ["Gain", "gains_of"]

_NEAR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What walking to a knot has brought.

    Attributes:
        progress: Share of the budget that was spent before, 0–1.
        score: Valid score before, 0–100.
        start: Where the path ended before.
        knot: Where the weights stood one interval later.
        gain: Score at the end minus score before.
        intervals: After how many intervals the end was.
    """

    progress: float
    score: float
    start: Point
    knot: Point
    gain: float
    intervals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What is needed of one observation."""

    trial: str
    iteration: int
    parent: str | None
    step: int
    progress: float
    score: float | None
    path: Path


def gains_of(observations: pd.DataFrame, horizons: Sequence[int] = (1,)) -> list[Gain]:
    """The gains in a store's table.

    Args:
        observations: Of one exploration; needs trial, iteration, parent, step, progress, score and path.
        horizons: Over how many intervals gains are measured.

    Returns:
        Earlier ones first.

    Raises:
        ConfigError: A path is none.
        ValueError: A path is not JSON.
    """
    reports = _reports(observations)
    by_trial: dict[str, dict[int, _Report]] = {}
    for report in reports:
        by_trial.setdefault(report.trial, {})[report.iteration] = report
    origins = {(report.trial, report.iteration): _origin(report, by_trial) for report in reports}
    gains = []
    for report in reports:
        walked = [report]
        while (origin := origins[walked[-1].trial, walked[-1].iteration]) is not None and len(walked) <= max(horizons):
            walked.append(origin)
        gains += list(_gains(walked, horizons))
    return sorted(gains, key=lambda gain: gain.progress)


def _gains(walked: Sequence[_Report], horizons: Sequence[int]) -> Iterator[Gain]:
    """The gains that end at the first of some reports of the same weights, the last report first."""
    last = walked[0]
    for horizon in horizons:
        if horizon >= len(walked):
            continue
        before, knot = walked[horizon], walked[horizon - 1].path.end
        if last.score is not None and before.score is not None:
            yield Gain(
                progress=before.progress,
                score=before.score,
                start=before.path.end,
                knot=knot,
                gain=last.score - before.score,
                intervals=horizon,
            )


def _reports(observations: pd.DataFrame) -> list[_Report]:
    columns = ["trial", "iteration", "parent", "step", "progress", "score", "path"]
    return [
        _Report(
            trial=trial,
            iteration=int(iteration),
            parent=parent if isinstance(parent, str) else None,
            step=int(step),
            progress=float(progress),
            score=None if pd.isna(score) else float(score),
            path=_read(path),
        )
        for trial, iteration, parent, step, progress, score, path in observations[columns].itertuples(index=False)
    ]


@lru_cache(maxsize=4096)
def _read(path: str) -> Path:
    """The path of an observation; the same rows are read again at each decision."""
    return Path.from_dict(json.loads(path))


def _origin(report: _Report, by_trial: dict[str, dict[int, _Report]]) -> _Report | None:
    """The report of the same weights one interval earlier: the trial's own, or its donor's where it cloned one.

    `parent` names the last donor, also long after, so the walked path tells which of the two it was.
    """
    own = by_trial[report.trial].get(report.iteration - 1)
    donors = by_trial.get(report.parent or "", {}).values()
    latest_first = sorted(donors, key=lambda donor: (-donor.step, -donor.iteration))
    known = [own] if own is not None else []
    # a parent that is new since the last report gave its weights, even if both have walked the same path
    cloned_before = own is not None and own.parent == report.parent
    candidates = [*known, *latest_first] if cloned_before else [*latest_first, *known]
    return next((earlier for earlier in candidates if _continues(report, earlier)), None)


def _continues(report: _Report, earlier: _Report) -> bool:
    """Whether the path of a report was, at an earlier report, where that one stood."""
    if earlier.step >= report.step:
        return False
    here, there = report.path.at(earlier.progress), earlier.path.end
    return all(
        math.isclose(one, other, rel_tol=_NEAR, abs_tol=_NEAR)
        for one, other in zip(_numbers(here), _numbers(there), strict=True)
    )


def _numbers(point: Point) -> tuple[float, ...]:
    return (*point.reward.weights, point.reward.temperature, point.rho, point.tau, point.forced)
