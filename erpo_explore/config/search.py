"""How a search space is searched: the method, the population, and where points may lie."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_serializer, field_validator, model_validator

from erpo_explore.config.baselines import Candidates
from erpo_explore.config.methods import POINTWISE, Method
from erpo_explore.config.section import Section
from erpo_explore.space.algorithms import Algorithm
from erpo_explore.space.dotted import is_dotted
from erpo_explore.space.estimator import TOKEN
from erpo_explore.space.point import LABELS, PREFIXES, Label, Point, Prefix
from erpo_explore.space.reward import TOKEN_METRICS, Reward, check_metric, has_increments

__all__ = ["CATEGORIES", "COORDINATES", "Search"]

COORDINATES: Final[tuple[str, ...]] = ("noise", "task", "model", "temperature", "rho", "tau")
CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {"metric": TOKEN_METRICS, "prefix": PREFIXES, "label": LABELS}
"""The coordinates without an order, each with its legal values."""

_POSITIVE: Final = ("temperature", "tau")
_MAX_GRID: Final = 1000
_TUNES_RESAMPLE: Final = 0.25
_RANGES: Final = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.002, 0.5)}


class Search(Section):
    """Which points or paths are tried beside the named baselines."""

    method: Method = "population"
    """`population` anneals paths; `random`, `grid` and `optuna` try paths of `knots` free knots, which are chosen
    before a trial begins; `pbt` and `pb2` are Ray Tune's own, for comparison; `none` trains the baselines and paths
    alone. `asha` is short for `random` with `early_stopping: asha`. A method of your own is `package.module:object`."""

    members: Annotated[int, Field(ge=1)] = 4
    """Members of the population, or trials of `random` and `optuna`."""

    levels: Annotated[int, Field(ge=1)] = 3
    """Values a coordinate that `grid` tries."""

    knots: Annotated[int, Field(ge=1)] = 1
    """Free knots of a path that `random`, `grid` or `optuna` tries, at 0, 1/(knots − 1), …, 1 of the budget; 1 is a
    constant point."""

    early_stopping: Literal["none", "asha", "median"] = "none"
    """Whether trials of `random`, `grid` and `optuna` that look hopeless are stopped, from a third of the budget on:
    `asha` below the median of those that came as far, at one and at two thirds; `median` where the best score so far is
    below the median of the others' mean scores."""

    evolve_every: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2, 4)
    """Intervals between two decisions of each sub-population, fewest first; [1] is plain PBT. A sub-population has at
    least four members, so fewer than eight are one."""

    selection: Literal["bootstrap", "truncation"] = "bootstrap"
    """Whether a donor must be better by a paired bootstrap on the valid sentences, or by its score alone, as in PBT."""

    p_exploit: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """One-sided p-value below which the bootstrap takes a donor for better."""

    quantile: Annotated[float, Field(ge=0.0, le=0.5)] = 0.25
    """Share of a sub-population that may be replaced by clones of the equally large best share."""

    resample: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    """Chance that a coordinate of the next knot is drawn anew instead of moved; 0.25 if not given with `pbt`, as Tune
    has it."""

    p_lowest: Annotated[float, Field(ge=0.0, le=1.0)] = 0.4
    """Chance that a weight which is drawn anew is at the low end of its range, so that points of one weight are met."""

    p_start: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    """Chance that a perturbed knot is `start` again."""

    candidates: Candidates = Field(default_factory=dict)
    """Named baselines, with settings, that a perturbed knot of a population may be as well, such as `grpo`, which no
    range
    reaches. As nothing lies between such an algorithm and the others, it is trained from its knot to the next one."""

    p_candidate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    """Chance that a perturbed knot is one of the candidates, where there are any; from one to stay it is a half."""

    synchronous: bool = True
    """Whether members wait for each other, so that scores are compared after equally many steps; else each decides as
    it arrives, on what is known of the others then, and two runs with one seed may differ."""

    start: Point = Point(reward=Reward(truth=1.0))
    """Where every member begins: a point, or the name of a constant algorithm."""

    ranges: dict[str, tuple[float, float]] = Field(default_factory=lambda: dict(_RANGES))
    """Lowest and highest value of each coordinate that is searched: noise, task, model, temperature, rho, tau.

    Over V candidates, softmax(ΔΦ / temperature) is mostly noise unless ΔΦ, near 0.1 in bleu and rouge and 1 in edit, is
    above temperature · ln V. The default begins low enough for bleu over thousands of words."""

    metric: str | None = None
    """Metric of the task weight, unless `choices` has several; the task's own if not given."""

    prefix: Prefix = "q"
    """Who writes the prefix at every searched point, unless `choices` has several."""

    label: Label = "sampled"
    """What the model is trained to say at every searched point, unless `choices` has several."""

    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values to choose from of each coordinate without an order: metric, prefix, label; members begin at the first."""

    monotone: bool = False
    """Whether exploration never shrinks along a path: neither 1 − λ_truth nor ρ falls from one knot to the next."""

    warm_start: tuple[str, ...] = ()
    """Results folders of earlier explorations of the same task, one member of a population starts towards
    their best path."""

    @model_validator(mode="before")
    @classmethod
    def _read_asha(cls, written: Any) -> Any:
        if not isinstance(written, dict) or written.get("method") != "asha":
            return written
        if (stopping := written.get("early_stopping", "none")) not in ("none", "asha"):
            raise ValueError(f"method asha has early_stopping asha, got {stopping}; write method random to change it")
        return written | {"method": "random", "early_stopping": "asha"}

    @model_validator(mode="before")
    @classmethod
    def _read_pbt(cls, written: Any) -> Any:
        if isinstance(written, dict) and written.get("method") == "pbt":
            return {"resample": _TUNES_RESAMPLE} | written
        return written

    @field_validator("evolve_every")
    @classmethod
    def _check_periods(cls, periods: tuple[int, ...]) -> tuple[int, ...]:
        if list(periods) != sorted(set(periods)):
            raise ValueError(f"must name different numbers of intervals, the fewest first, got {list(periods)}")
        return periods

    @field_validator("start", mode="before")
    @classmethod
    def _read_start(cls, written: Any) -> Any:
        if isinstance(written, str):
            path = Algorithm(name=written).path("bleu")
            if len(path.knots) > 1:
                raise ValueError(f"start must be a point, but {written} is a path")
            return path.end
        return written if isinstance(written, Point) else Point.from_dict(written)

    @field_serializer("start")
    def _write_start(self, start: Point) -> dict[str, Any]:
        return start.to_dict()

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

    @model_validator(mode="after")
    def _fits_method(self) -> "Search":
        for name, value, default in (("knots", self.knots, 1), ("early_stopping", self.early_stopping, "none")):
            if value != default and self.method not in POINTWISE and not is_dotted(self.method):
                raise ValueError(
                    f"{name} must be {default} with method {self.method}, got {value}; it is for {', '.join(POINTWISE)}"
                )
        if self.candidates and (self.method != "population" or self.monotone):
            raise ValueError(
                f"candidates are for method population with monotone false, got {self.method} and "
                f"{str(self.monotone).lower()}; leave them out, or name them in `baselines`"
            )
        if self.method in ("pbt", "pb2") and not self.ranges:
            raise ValueError(f"ranges must name a coordinate for method {self.method}, got none")
        if self.method == "grid" and (count := self._grid_size) > _MAX_GRID:
            raise ValueError(
                f"a grid may have {_MAX_GRID:,} trials, got {count:,}: {self.levels} levels of each coordinate, times "
                f"choices, at each of {self.knots} knots; lower levels or knots, or use method random or optuna"
            )
        return self

    @property
    def _grid_size(self) -> int:
        """Trials of a grid, those that do not fit the simplex included."""
        num_free = sum(low < high for low, high in self.ranges.values())
        num_choices = math.prod(len(values) for values in self.choices.values())
        size: int = (self.levels**num_free * num_choices) ** self.knots
        return size
