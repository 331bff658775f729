"""A point (R, α, β) of the space of training algorithms, and the two levers of its estimator.

    q(y | x) ∝ exp{ (α log p_θ(y | x) + R(y | y*)) / (α + β) }

with ρ = α / (α + β), how much the model is trusted, and τ = α + β, the temperature (Tan et al. 2018, arXiv 1811.09740).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from erpo_explore.errors import ConfigError
from erpo_explore.space.reward import Reward, to_number

__all__ = ["LABELS", "PREFIXES", "Label", "Point", "Prefix"]

Prefix = Literal["truth", "q", "model"]
Label = Literal["sampled", "expected", "truth"]
PREFIXES: Final[tuple[str, ...]] = get_args(Prefix)
LABELS: Final[tuple[str, ...]] = get_args(Label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One training algorithm.

    Attributes:
        reward: R, a place on the simplex of rewards.
        alpha: α ≥ 0, weight of staying close to the model; infinite is the limit that is policy gradient.
        beta: β ≥ 0 and finite, weight of the sampler's entropy.
        prefix: Who writes the tokens that the next one is conditioned on: the reference, the sampler q or the model.
        label: What the model is trained to say next: a draw from q, q's whole distribution, or the reference's token.

    Raises:
        ConfigError: α + β = 0, a value out of range, or a combination that means nothing.
    """

    reward: Reward
    alpha: float = 0.0
    beta: float = 1.0
    prefix: Prefix = "q"
    label: Label = "sampled"

    def __post_init__(self) -> None:
        if not self.alpha >= 0.0:
            raise ConfigError(f"alpha must be >= 0, got {self.alpha!r}; alpha weighs the model in q")
        if not (math.isfinite(self.beta) and self.beta >= 0.0):
            raise ConfigError(f"beta must be >= 0 and finite, got {self.beta!r}; beta weighs the entropy of q")
        if self.alpha + self.beta == 0.0:
            raise ConfigError("alpha + beta must be > 0, got alpha=0, beta=0; use beta=1 for maximum likelihood")
        if self.prefix not in PREFIXES:
            raise ConfigError(f"prefix must be one of {', '.join(PREFIXES)}, got {self.prefix!r}")
        if self.label not in LABELS:
            raise ConfigError(f"label must be one of {', '.join(LABELS)}, got {self.label!r}")
        if math.isinf(self.alpha) and self.reward.task != 1.0:
            raise ConfigError(f"alpha=inf (policy gradient) needs reward task=1, got {self.reward}")
        if math.isinf(self.alpha) and (self.prefix != "q" or self.label != "sampled"):
            raise ConfigError(
                f"alpha=inf (policy gradient) trains on the model's own samples, "
                f"got prefix={self.prefix}, label={self.label}; use prefix: q, label: sampled"
            )

    @property
    def tau(self) -> float:
        """Temperature τ = α + β."""
        return self.alpha + self.beta

    @property
    def rho(self) -> float:
        """Trust in the model ρ = α / (α + β), 1 in the limit α → ∞."""
        return 1.0 if math.isinf(self.alpha) else self.alpha / self.tau

    @property
    def is_policy_gradient(self) -> bool:
        """Whether this is the limit α → ∞."""
        return math.isinf(self.alpha)

    @property
    def sampler_reads_model(self) -> bool:
        """Whether drawing targets needs the model's probabilities."""
        return not self.reward.is_truth and (self.alpha > 0.0 or self.reward.model > 0.0)

    def to_dict(self) -> dict[str, Any]:
        """As a user would write it; `from_dict(to_dict(p)) == p`."""
        return {
            "reward": self.reward.to_dict(),
            # JSON has no infinity, and strict readers refuse what Python writes for it
            "alpha": "inf" if math.isinf(self.alpha) else self.alpha,
            "beta": self.beta,
            "prefix": self.prefix,
            "label": self.label,
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Point":
        """Read what a user wrote: `reward`, and `alpha` with `beta` or `rho` with `tau`.

        Raises:
            ConfigError: A field is unknown, missing or out of range.
        """
        if not isinstance(written, Mapping):
            raise ConfigError(f"a point must be a mapping with the field reward, got {written!r}")
        known = ("reward", "alpha", "beta", "rho", "tau", "prefix", "label")
        for name in written:
            if name not in known:
                raise ConfigError(f"point.{name} is unknown; known are {', '.join(known)}")
        if "reward" not in written:
            raise ConfigError("point.reward is missing; use e.g. reward: bleu, or reward: {truth: 0.9, noise: 0.1}")
        natural = {name for name in ("rho", "tau") if name in written}
        if natural and {"alpha", "beta"} & set(written):
            raise ConfigError("a point has either alpha and beta or rho and tau, got both")
        alpha, beta = _number(written.get("alpha", 0.0), "alpha"), _number(written.get("beta", 1.0), "beta")
        if natural:
            rho, tau = _number(written.get("rho", 0.0), "rho"), _number(written.get("tau", 1.0), "tau")
            if not 0.0 <= rho <= 1.0:
                raise ConfigError(f"rho must lie in [0, 1], got {rho!r}; it is alpha / (alpha + beta)")
            if not tau > 0.0:
                raise ConfigError(f"tau must be > 0, got {tau!r}; it is alpha + beta")
            if math.isinf(tau) and rho < 1.0:
                raise ConfigError(f"tau = inf is policy gradient and needs rho = 1, got rho={rho!r}; use a finite tau")
            alpha, beta = weights_of(rho, tau)
        levers = {name: written[name] for name in ("prefix", "label") if name in written}
        return cls(reward=Reward.from_dict(written["reward"]), alpha=alpha, beta=beta, **levers)

    def __str__(self) -> str:
        levers = "".join(
            f" {name}={value}"
            for name, value, default in (("prefix", self.prefix, "q"), ("label", self.label, "sampled"))
            if value != default
        )
        return f"{self.reward} α={self.alpha:.4g} β={self.beta:.4g}{levers}"


def weights_of(rho: float, tau: float) -> tuple[float, float]:
    """(α, β): α = ρτ and β = (1 − ρ)τ, with ρ = 1, τ = ∞ as policy gradient's α = ∞, β = 0."""
    if math.isinf(tau):
        return math.inf, 0.0
    return rho * tau, (1.0 - rho) * tau


def _number(value: Any, field: str) -> float:
    """Accept an int, a float or the text `inf`, which YAML would write as .inf."""
    return math.inf if value == "inf" else to_number(value, field)
