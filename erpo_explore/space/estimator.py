"""How a point's expectation E_q[∇ log p_θ] is estimated from draws: which targets, how many, with which weights.

Legend: K draws a source.

    token           y ~ q̃, token by token, each draw with weight 1 (Tan et al. 2018)
    sequence        y_k ~ q̃, weights w_k ∝ Π_t Z_t(y_<t): the exact q as K → ∞
    stratified      RAML's offline sampler: how many edits, then which (Norouzi et al. 2016)
    ngram           RAML's other one: one of K n-gram replacements, drawn by exp(R/τ) (code of Tan et al. 2018)
    minimum_risk    y_k ~ p_θ, the expected reward under p_θ^a re-normalised over the K (Shen et al. 2016)
    target_policy   y_k ~ p_θ, q_k ∝ p_k^ρ exp(u_k/τ) fitted by cross-entropy over the K (TPO, arXiv 2604.06159)

At α → ∞ a draw's weight is R − b, and `baseline` says what b is: `none` 0; `self_critical` R of the greedy target
(Rennie et al. 2017); `leave_one_out` the mean over the other K − 1 (RLOO); `group` the mean over the K, and the
difference divided by their standard deviation (GRPO). For `target_policy`, `group` standardises the scores u and
`none` takes R itself; `minimum_risk` has its baseline, E R over the K, by construction.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from erpo_explore.errors import ConfigError

__all__ = ["BASELINES", "KINDS", "TOKEN", "Baseline", "Estimator", "Kind"]

Kind = Literal["token", "sequence", "stratified", "ngram", "minimum_risk", "target_policy"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Baseline = Literal["none", "self_critical", "leave_one_out", "group"]
BASELINES: Final[tuple[str, ...]] = get_args(Baseline)
_NEEDS_SEVERAL: Final = ("sequence", "ngram", "minimum_risk", "target_policy")
_GROUP_BASELINES: Final = ("leave_one_out", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """Which targets are drawn, how many of them, and with which weights they are trained on.

    Attributes:
        kind: What is drawn, and how it is weighted.
        samples: K, draws a source; for `ngram` the candidates, of which one is trained on.
        baseline: What is taken off the reward where draws are weighted by it; if not given, `group` for
            `target_policy` and `self_critical` else.
        sharpness: a of `minimum_risk`, the exponent of p_θ; Shen et al. take 0.005.

    Raises:
        ConfigError: A value is unknown or out of range, or K is too small for what it is to do.
    """

    kind: Kind = "token"
    samples: int = 1
    baseline: Baseline | None = None
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"estimator.kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.baseline is not None and self.baseline not in BASELINES:
            raise ConfigError(f"estimator.baseline must be one of {', '.join(BASELINES)}, got {self.baseline!r}")
        if isinstance(self.samples, bool) or not (isinstance(self.samples, int) and self.samples >= 1):
            raise ConfigError(f"estimator.samples must be a whole number >= 1, got {self.samples!r}")
        if self.samples < 2 and self.kind in _NEEDS_SEVERAL:
            raise ConfigError(f"estimator.samples must be >= 2 for kind={self.kind}, got {self.samples}; use e.g. 4")
        if self.samples < 2 and self.baseline in _GROUP_BASELINES:
            raise ConfigError(
                f"estimator.samples must be >= 2 for baseline={self.baseline}, got {self.samples}; use e.g. 4, or "
                "baseline: self_critical"
            )
        if not (math.isfinite(self.sharpness) and self.sharpness > 0.0):
            raise ConfigError(f"estimator.sharpness must be > 0 and finite, got {self.sharpness!r}")

    @property
    def chosen_baseline(self) -> Baseline:
        """The baseline, also where it is left to the kind."""
        if self.baseline is not None:
            return self.baseline
        return "group" if self.kind == "target_policy" else "self_critical"

    @property
    def draws_per_source(self) -> int:
        """Targets a source that are trained on."""
        return 1 if self.kind == "ngram" else self.samples

    def to_dict(self) -> dict[str, Any]:
        """As a user would write it: what differs from the default."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name == "kind" or getattr(self, field.name) != field.default
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any] | str) -> "Estimator":
        """Read what a user wrote: a mapping, or the kind alone.

        Raises:
            ConfigError: A field is unknown or out of range.
        """
        if isinstance(written, str):
            return cls(kind=written)  # type: ignore[arg-type]  # checked by the constructor
        if not isinstance(written, Mapping):
            raise ConfigError(f"estimator must be a kind or a mapping, got {written!r}")
        known = [field.name for field in fields(cls)]
        for name in written:
            if name not in known:
                raise ConfigError(f"estimator.{name} is unknown; known are {', '.join(known)}")
        return cls(**written)

    def __str__(self) -> str:
        return " ".join(str(value) if name == "kind" else f"{name}={value}" for name, value in self.to_dict().items())


TOKEN: Final = Estimator()
"""One draw a source, token by token: what a point has that says nothing else."""
