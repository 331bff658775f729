"""The reward of a point: a mixture on a simplex, whose corners are the rewards with a name.

With λ = (truth, noise, task, model) and the metric's increments ΔΦ, the increment of token v at one step is

    r(v) = log( λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v) )

At the corner λ_task = 1 it is r(v) = ΔΦ(v) / τ_R, which differs by a constant per step that does not change a
token-level sampler. u is the noise: the unigram distribution of the training targets, the uniform distribution, or a
blank in place of the word (Xie et al. 2017).

One value holds maximum likelihood's R_δ (truth = 1), data noising with strength γ (truth = 1 − γ, noise = γ), the
reward of RAML and SPG (task = 1; SPG's reward weight is 1/τ_R), scheduled sampling (truth + model), and the paper's
interpolation between them.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, cast, get_args

from erpo_explore.dotted import is_dotted, names_class
from erpo_explore.errors import ConfigError, brief
from erpo_explore.metric_names import METRICS as METRICS_OF_TEXT

__all__ = [
    "METRICS",
    "NOISES",
    "REWARDS",
    "SUM",
    "TOKEN_METRICS",
    "WEIGHTS",
    "Noise",
    "Reward",
    "RewardRules",
    "check_metric",
    "has_increments",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRules:
    """What a point needs to know about a metric.

    Attributes:
        implementation: `package.module:object`, a `MetricReward` class; None where the reward is the score of a
            finished text, by the scorer of that name.
        has_increments: Whether the metric values every next token of an unfinished target, not only finished targets.
    """

    implementation: str | None
    has_increments: bool


SUM: Final = "sum"
"""The weighted sum that a task is scored by."""

_TOKEN_REWARDS: Final[Mapping[str, RewardRules]] = {
    "bleu": RewardRules(implementation="erpo_explore.rewards.bleu:BleuReward", has_increments=True),
    "bleu_prefix": RewardRules(implementation="erpo_explore.rewards.bleu_prefix:BleuPrefixReward", has_increments=True),
    "rouge": RewardRules(implementation="erpo_explore.rewards.rouge:RougeReward", has_increments=True),
    "edit": RewardRules(implementation="erpo_explore.rewards.edit:EditReward", has_increments=True),
    "constant": RewardRules(implementation="erpo_explore.rewards.constant:ConstantReward", has_increments=True),
}
_OF_TEXT: Final = RewardRules(implementation=None, has_increments=False)
REWARDS: Final[Mapping[str, RewardRules]] = {
    **_TOKEN_REWARDS,
    **{name: _OF_TEXT for name in (*METRICS_OF_TEXT, SUM) if name not in _TOKEN_REWARDS},
}
"""Metrics by name: those that value every next token, and every other metric of text.

Any other metric comes from outside the package: `package.module:function` scores finished texts, and
`package.module:ClassName` is a `MetricReward` class with increments.
"""

METRICS: Final[tuple[str, ...]] = tuple(REWARDS)
TOKEN_METRICS: Final[tuple[str, ...]] = tuple(name for name, rules in REWARDS.items() if rules.has_increments)
"""Metrics with increments, which alone can be mixed or drawn by token by token."""

Noise = Literal["unigram", "uniform", "blank"]
NOISES: Final[tuple[str, ...]] = get_args(Noise)
WEIGHTS: Final[tuple[str, ...]] = ("truth", "noise", "task", "model")
_EXPONENT: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_SIMPLEX_TOLERANCE: Final = 1e-6


def check_metric(metric: Any, field: str = "reward.metric") -> str:
    """The metric's name, if it has the form of one.

    Raises:
        ConfigError: It is neither a known name nor `package.module:function`.
    """
    if metric in METRICS or is_dotted(metric):
        return str(metric)
    raise ConfigError(
        f"{field} must be one of {', '.join(METRICS)}, or your own: a class as "
        f"package.module:ClassName, or a function as package.module:function, got {metric!r}"
    )


def has_increments(metric: str) -> bool:
    """Whether the metric values every next token of an unfinished target, not only finished targets."""
    return REWARDS[metric].has_increments if metric in REWARDS else names_class(metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A point on the simplex of rewards.

    Attributes:
        truth: Weight of the reference's own token, R_δ.
        noise: Weight of the noise.
        task: Weight of the metric's softmax over its increments.
        model: Weight of the model's own next-token distribution.
        metric: Metric of the task weight: sentence BLEU, the BLEU of the paper's code (`bleu_prefix`), mean
            ROUGE-1/2/L F1 or chrF (all 0–1), minus TER, minus the edit distance (`edit`), the task's weighted `sum`,
            a constant 1, or your own, `package.module:object`.
        temperature: τ_R, the divisor of the metric's increments.
        noise_kind: u, the source of the noise: `unigram`, `uniform` or `blank`.

    Raises:
        ConfigError: A weight is negative or not a number, they do not sum to 1, the metric is unknown or τ_R ≤ 0.
    """

    truth: float = 0.0
    noise: float = 0.0
    task: float = 0.0
    model: float = 0.0
    metric: str = "bleu"
    temperature: float = 1.0
    noise_kind: Noise = "unigram"

    def __post_init__(self) -> None:
        for name in WEIGHTS:
            weight = getattr(self, name)
            if not 0.0 <= weight <= 1.0:
                raise ConfigError(f"reward.{name} must lie in [0, 1], got {weight!r}; it is a share of the mixture")
        total = math.fsum(self.weights)
        if not abs(total - 1.0) <= _SIMPLEX_TOLERANCE:
            raise ConfigError(
                f"reward weights truth, noise, task, model must sum to 1, got {total:g}; "
                f"use e.g. {{truth: 0.9, noise: 0.1}}"
            )
        check_metric(self.metric)
        if self.noise_kind not in NOISES:
            raise ConfigError(f"reward.noise_kind must be one of {', '.join(NOISES)}, got {self.noise_kind!r}")
        if 0.0 < self.task < 1.0 and not self.has_increments:
            raise ConfigError(
                f"reward.task must be 1 for metric={self.metric}, got {self.task!r}: it scores finished targets alone, "
                f"and a mixture is drawn token by token; give a metric of {', '.join(TOKEN_METRICS)}"
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ConfigError(f"reward.temperature must be > 0 and finite, got {self.temperature!r}")

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """λ as (truth, noise, task, model)."""
        return (self.truth, self.noise, self.task, self.model)

    @property
    def is_truth(self) -> bool:
        """Whether the reference is the only possible target."""
        return self.truth == 1.0

    @property
    def has_increments(self) -> bool:
        """Whether the metric values every next token of an unfinished target."""
        return has_increments(self.metric)

    def to_dict(self) -> dict[str, float | str]:
        """Plain values as a user writes them, without weights of 0 and without defaults that have no effect."""
        written: dict[str, float | str] = {name: getattr(self, name) for name in WEIGHTS if getattr(self, name) > 0.0}
        if self.task > 0.0 or (self.metric, self.temperature) != ("bleu", 1.0):
            written |= {"metric": self.metric, "temperature": self.temperature}
        if self.noise_kind != "unigram":
            written["noise_kind"] = self.noise_kind
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any] | str) -> "Reward":
        """Read what a user wrote: a mapping, or the name of a corner (`truth`, `noise`, `model`) or a metric.

        Raises:
            ConfigError: The name or a field is unknown, or a value is out of range.
        """
        if isinstance(written, str):
            if written in WEIGHTS and written != "task":
                return cls(**cast(dict[str, Any], {written: 1.0}))
            if written in METRICS or ":" in written:
                return cls(task=1.0, metric=written)
            known = ", ".join(("truth", "noise", "model", *METRICS))
            raise ConfigError(f"reward must be one of {known} or a mapping of weights, got {brief(written)}")
        if not isinstance(written, Mapping):
            raise ConfigError(f"reward must be a name or a mapping of weights, got {brief(written)}")
        known_fields = [field.name for field in fields(cls)]
        for name in written:
            if name not in known_fields:
                raise ConfigError(f"reward.{name} is unknown; known are {', '.join(known_fields)}")
        values: dict[str, Any] = {
            name: value if name in ("metric", "noise_kind") else to_number(value, f"reward.{name}")
            for name, value in written.items()
        }
        return cls(**values)

    def __str__(self) -> str:
        return " ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.to_dict().items()
        )


def to_number(value: Any, field: str) -> float:
    """A number that a user wrote, as a float.

    Raises:
        ConfigError: The value is no number, or too large for a float.
    """
    if isinstance(value, str) and _EXPONENT.fullmatch(value):  # YAML reads 1e-3 as text
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{field} must be a number, got {brief(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise ConfigError(f"{field} must be less than 1e308, got {str(value)[:20]}…") from error
