"""How a search space is searched: the method, the population, and where points may lie."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from erpo_explore.space.dots import dot
from erpo_explore.space.estimator import TOKEN
from erpo_explore.space.point import LABELS, PREFIXES, Label, Point, Prefix
from erpo_explore.space.reward import TOKEN_METRICS, Reward, check_metric, has_increments
from erpo_explore.space.section import Section

__all__ = ["CATEGORIES", "COORDINATES", "Search"]

COORDINATES: Final[tuple[str, ...]] = ("noise", "task", "model", "temperature", "rho", "tau")
CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {"metric": TOKEN_METRICS, "prefix": PREFIXES, "label": LABELS}
"""The coordinates without an order, each with its legal values."""

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
    """Metric of the task weight, unless `choices` has several; the task's own if not given."""

    prefix: Prefix = "q"
    """Who writes the prefix at every searched point, unless `choices` has several."""

    label: Label = "sampled"
    """What the model is trained to say at every searched point, unless `choices` has several."""

    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values to choose from of each coordinate without an order: metric, prefix, label; members begin at the first."""

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

    @field_validator("choices")
    @classmethod
    def _check_choices(cls, choices: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, values in choices.items():
            if name not in CATEGORIES:
                raise ValueError(f"{name} is unknown; known are {', '.join(CATEGORIES)}")
            if not values:
                raise ValueError(f"{name} must list at least one value, got none; leave {name} out to search without")
            legal = CATEGORIES[name]
            if strange := [value for value in values if value not in legal]:
                raise ValueError(f"{name} must list values out of {', '.join(legal)}, got {strange[0]!r}")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must list each value once, got {', '.join(values)}")
        return choices

    @model_validator(mode="after")
    def _blanks_are_only_read(self) -> "Search":
        """Every searched point must be one that `Point` takes; with blanks, not all are."""
        reward = self.start.reward
        at_start = {"noise": reward.noise, "rho": self.start.rho}
        highest = {name: max(value, self.ranges.get(name, (0.0, 0.0))[1]) for name, value in at_start.items()}
        labels = self.choices.get("label", (self.label,))
        if reward.noise_kind == "blank" and highest["noise"] > 0.0 and (labels != ("truth",) or highest["rho"] > 0.0):
            raise ValueError(
                f"a start with noise_kind=blank needs label: truth and rho 0 at every searched point, got label "
                f"{', '.join(labels)} and rho up to {highest['rho']:g}: a blank may be read, but not be said"
            )
        return self
