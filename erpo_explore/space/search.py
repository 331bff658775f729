"""How a search space is searched: the method, the population, and where points may lie."""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from erpo_explore.space.dots import dot
from erpo_explore.space.estimator import TOKEN
from erpo_explore.space.point import Label, Point, Prefix
from erpo_explore.space.reward import TOKEN_METRICS, Reward, check_metric, has_increments
from erpo_explore.space.section import Section

__all__ = ["COORDINATES", "Search"]

COORDINATES: Final[tuple[str, ...]] = ("noise", "task", "model", "temperature", "rho", "tau")
_POSITIVE: Final = ("temperature", "tau")
_RANGES: Final = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5)}


class Search(Section):
    """Which points or paths are tried beside the named dots."""

    method: Literal["population", "random", "grid", "none"] = "population"
    """`population` anneals paths; `random` and `grid` try constant points; `none` trains the dots and paths alone."""

    members: Annotated[int, Field(ge=1)] = 4
    """Members of the population, or points that `random` draws."""

    levels: Annotated[int, Field(ge=1)] = 3
    """Values a coordinate that `grid` tries."""

    quantile: Annotated[float, Field(ge=0.0, le=0.5)] = 0.25
    """Share of the population that is replaced by clones of the equally large best share."""

    resample: Annotated[float, Field(ge=0.0, le=1.0)] = 0.25
    """Chance that a coordinate of the next knot is drawn anew instead of moved."""

    start: Point = Point(reward=Reward(truth=1.0))
    """Where every member begins: a point, or the name of a constant dot."""

    ranges: dict[str, tuple[float, float]] = Field(default_factory=lambda: dict(_RANGES))
    """Lowest and highest value of each coordinate that is searched: noise, task, model, temperature, rho, tau."""

    metric: str | None = None
    """Metric of the task weight; the task's own if not given."""

    prefix: Prefix = "q"
    """Who writes the prefix, at every searched point."""

    label: Label = "sampled"
    """What the model is trained to say, at every searched point."""

    @field_validator("start", mode="before")
    @classmethod
    def _read_start(cls, written: Any) -> Any:
        if isinstance(written, str):
            path = dot(written, metric="bleu")
            if len(path.knots) > 1:
                raise ValueError(f"start must be a point, but {written} is a path")
            return path.end
        return written if isinstance(written, Point) else Point.from_dict(written)

    @field_validator("start")
    @classmethod
    def _check_start(cls, start: Point) -> Point:
        if start.is_policy_gradient:
            raise ValueError("start must have a finite alpha, got alpha=inf (policy_gradient); nothing lies near it")
        if start.estimator != TOKEN or start.forced > 0.0:
            raise ValueError(f"start must draw token by token, as all searched points do, got {start}; leave it out")
        return start

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, metric: str | None) -> str | None:
        if metric is not None and not has_increments(check_metric(metric, "metric")):
            raise ValueError(f"must be one that values every next token, got {metric}; {', '.join(TOKEN_METRICS)} do")
        return metric

    @field_validator("ranges")
    @classmethod
    def _check_ranges(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in ranges.items():
            if name not in COORDINATES:
                raise ValueError(f"{name} is unknown; known are {', '.join(COORDINATES)}")
            floor = "0 <" if name in _POSITIVE else "0 <="
            fits = low > 0.0 if name in _POSITIVE else low >= 0.0
            if not (fits and low <= high and math.isfinite(high)):
                raise ValueError(f"{name} must be [low, high] with {floor} low <= high, got [{low:g}, {high:g}]")
            if name not in _POSITIVE and high > 1.0:
                raise ValueError(f"{name} must lie in [0, 1], got [{low:g}, {high:g}]")
        return ranges
