"""`search`: the search method, and the space that it searches."""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_serializer, field_validator, model_validator

from erpo_explore.config.baselines import Candidates
from erpo_explore.config.coordinates import CATEGORIES, COORDINATES, DEFAULT_RANGES, check_choices, check_ranges
from erpo_explore.config.methods import METHODS, POINTWISE, Method
from erpo_explore.config.section import Section
from erpo_explore.dotted import is_dotted
from erpo_explore.space.algorithms import Algorithm
from erpo_explore.space.estimator import TOKEN
from erpo_explore.space.point import Label, Point, Prefix
from erpo_explore.space.reward import TOKEN_METRICS, Reward, check_metric, has_increments

__all__ = ["CATEGORIES", "COORDINATES", "Search"]

_MAX_GRID: Final = 1000
_RESAMPLE_OF_TUNE: Final = 0.25


class Search(Section):
    """Search method and search space: which paths are tried beside the baselines.

    The search space is the box of `ranges`, times `choices`. `start` is the point where every path begins.
    """

    method: Method = "population"
    """Search method:

    - `population` anneals paths: members train at the same time, and worse ones are replaced by mutated clones of
      better ones.
    - `random`, `grid` and `optuna` try paths of `knots` free knots, each chosen before its trial begins.
    - `asha` is short for `random` with `early_stopping: asha`.
    - `pbt` and `pb2` are Ray Tune's own populations, for comparison.
    - `branch` branches from the checkpoints of paths of named algorithms (`candidates`) that take turns, where a model
      of all scores expects to learn most per time. It says how sure it is of the path that it hands over.
    - `none` trains the baselines only.
    - `package.module:object` is a method of your own.
    """

    members: Annotated[int, Field(ge=1)] = 4
    """Members of the population, or number of trials of `random` and `optuna`. With `branch`: time of all branches, in
    whole trainings of maximum likelihood."""

    phases: Annotated[int, Field(ge=1)] = 4
    """Phases of a path of `branch`, of which each is trained at one algorithm. A phase ends at the nearest report, and
    its checkpoint is kept, so a branch may begin there."""

    levels: Annotated[int, Field(ge=1)] = 3
    """Values per coordinate that `grid` tries."""

    knots: Annotated[int, Field(ge=1)] = 1
    """Free knots of a path of `random`, `grid` or `optuna`, at 0, 1/(knots − 1), …, 1 of the budget. 1: a constant
    point."""

    early_stopping: Literal["none", "asha", "median"] = "none"
    """Rule that stops trials of `random`, `grid` and `optuna` early, from a third of the budget on. `asha`: at one and
    at two thirds, a trial stops if its score is below the median of the trials that came as far. `median`: a trial
    stops if its best score so far is below the median of the other trials' mean scores."""

    evolve_every: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2, 4)
    """Evaluation intervals between two decisions, one number per sub-population, in rising order. [1] is plain PBT. A
    sub-population has at least four members, so that fewer than eight members are one sub-population."""

    selection: Literal["bootstrap", "truncation"] = "bootstrap"
    """Condition for replacing a member by a clone of a better one. `bootstrap`: the other is better by a paired
    bootstrap over the validation sentences. `truncation`: its score is higher, as in PBT."""

    p_exploit: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """One-sided p-value of the bootstrap below which another member counts as better."""

    quantile: Annotated[float, Field(ge=0.0, le=0.5)] = 0.25
    """Share of a sub-population that may be replaced, by clones of the best members of the same share."""

    resample: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    """Probability that a coordinate of the next knot is drawn anew instead of moved. Default with `pbt`: 0.25, as in
    Ray Tune."""

    p_lowest: Annotated[float, Field(ge=0.0, le=1.0)] = 0.4
    """Probability that a weight which is drawn anew is at the low end of its range. Points with a single weight are
    tried only this way."""

    p_start: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    """Probability that a perturbed knot is `start` again."""

    candidates: Candidates = Field(default_factory=dict)
    """Named algorithms, written as `baselines` are. A perturbed knot of a population may jump to one, such as `grpo`,
    which no range reaches. On the way to it and away from it, the path is a blend: a share of each batch's sources is
    trained at it. With `branch`, they take turns with maximum likelihood. Default of `branch`: label smoothing, RAML,
    data noising and `grpo`, with settings for the vocabulary."""

    p_candidate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    """Probability that a perturbed knot is one of the candidates. From a knot that is a candidate, it stays there with
    probability 1/2."""

    synchronous: bool = True
    """Whether members wait for each other, so that scores are compared after equally many steps. `false` decides
    asynchronously, on the scores known at that time; two runs with the same seed may then differ."""

    start: Point = Point(reward=Reward(truth=1.0))
    """First point of every path: a point, or the name of an algorithm that is one. Default: maximum likelihood."""

    ranges: dict[str, tuple[float, float]] = Field(default_factory=lambda: dict(DEFAULT_RANGES))
    """Lowest and highest value of each searched coordinate, out of noise, task, model, temperature, rho and tau.

    Choose temperatures low enough: over V tokens, softmax(ΔΦ / temperature) is mostly noise unless ΔΦ exceeds
    temperature · ln V. ΔΦ is near 0.1 for bleu and rouge and 1 for edit. The default range begins low enough for bleu
    over thousands of tokens."""

    metric: str | None = None
    """Metric of the task weight, unless `choices` lists several. Default: the task's own."""

    prefix: Prefix = "q"
    """Source of the prefix at every searched point, unless `choices` lists several; see `Point`."""

    label: Label = "sampled"
    """Training label at every searched point, unless `choices` lists several; see `Point`."""

    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values to choose from, for each coordinate without an order: metric, prefix, label. Members begin with the first
    value."""

    monotone: bool = False
    """Whether exploration never decreases along a path: neither 1 − λ_truth nor ρ falls from one knot to the next."""

    warm_start: tuple[str, ...] = ()
    """Results folders of earlier explorations of the same task. One member of the population starts towards the best
    path in them."""

    prior: tuple[str, ...] = ()
    """Results folders of earlier explorations with the same metric, which say what `branch` may expect of its
    algorithms and of their places. Their runs count that stay at one of the present algorithms in each phase. `none`:
    nothing is expected before it is trained."""

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
            return {"resample": _RESAMPLE_OF_TUNE} | written
        return written

    @field_validator("prior", mode="before")
    @classmethod
    def _read_prior(cls, written: Any) -> Any:
        if written == "none":
            return ()
        if isinstance(written, str):
            raise ValueError(f"prior must be a list of results folders or none, got {written}; write [{written}]")
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
        if start.estimator != TOKEN or start.forced > 0.0 or start.blend or start.anchor != "self":
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
        check_ranges(ranges)
        return ranges

    @field_validator("choices")
    @classmethod
    def _check_choices(cls, choices: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        check_choices(choices)
        return choices

    @model_validator(mode="after")
    def _blanks_are_only_read(self) -> "Search":
        """Refuse ranges with points that `Point` refuses, since blanks may be inputs but not labels."""
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
        if self.candidates and (self.method not in ("population", "branch") or self.monotone):
            raise ValueError(
                f"candidates are for methods population and branch with monotone false, got {self.method} and "
                f"{str(self.monotone).lower()}; leave them out, or name them in `baselines`"
            )
        if self.prior and self.method != "branch" and not is_dotted(self.method):
            raise ValueError(f"prior is for method branch, got {self.method}; leave it out")
        if self.method in ("pbt", "pb2") and not self.ranges:
            raise ValueError(f"ranges must name a coordinate for method {self.method}, got none")
        if self.method == "grid" and (count := self._grid_size) > _MAX_GRID:
            raise ValueError(
                f"a grid may have {_MAX_GRID:,} trials, got {count:,}: {self.levels} levels of each coordinate, times "
                f"choices, at each of {self.knots} knots; lower levels or knots, or use method random or optuna"
            )
        return self

    @property
    def unread(self) -> tuple[str, ...]:
        """Fields with another value than the default that this method does not read."""
        read = METHODS[self.method].reads if self.method in METHODS else None
        if read is None:
            return ()
        defaults = Search(method=self.method)
        return tuple(
            name
            for name in type(self).model_fields
            if name not in read | {"method"} and getattr(self, name) != getattr(defaults, name)
        )

    @property
    def _grid_size(self) -> int:
        """Trials of a grid, including those whose weights sum to more than 1."""
        num_free = sum(low < high for low, high in self.ranges.values())
        num_choices = math.prod(len(values) for values in self.choices.values())
        size: int = (self.levels**num_free * num_choices) ** self.knots
        return size
