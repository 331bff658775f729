"""Estimators of a point's expectation E_q[∇ log p_θ]: which targets are drawn, how many, with which weights.

Legend: K draws per source sentence.

    token           y ~ q̃, token by token, each draw with weight 1 (Tan et al. 2018)
    sequence        y_k ~ q̃, weights w_k ∝ Π_t Z_t(y_<t): the exact q as K → ∞
    stratified      RAML's offline sampler: first the number of edits, then the edits (Norouzi et al. 2016)
    ngram           RAML's other sampler: one of K n-gram replacements, drawn by exp(R/τ) (code of Tan et al. 2018)
    candidates      one of the K likeliest targets of the frozen anchor, scored once, drawn by exp(R/τ)
    minimum_risk    y_k ~ p_θ, the expected reward under p_θ^a, renormalised over the K (Shen et al. 2016)
    best_of         y_k ~ p_θ, weights: how often y_k is the best of n among the K (best-of-n distillation)
    target_policy   y_k ~ p_θ, q_k ∝ p_k^ρ exp(u_k/τ), fitted by cross-entropy over the K (TPO, arXiv 2604.06159)

`ESTIMATORS` holds one entry per kind: the module that implements it, and the rules that a point must meet. A kind
with a colon, `package.module:object`, names an estimator from outside the package.

At α → ∞ the weight of a draw is (R − b) / s. The baseline b is 0 for `none`; R of the greedy target for `self_critical`
(Rennie et al. 2017); the mean over the other K − 1 for `leave_one_out` (RLOO); the mean over the K for `group` (GRPO);
the mean over all draws of the batch for `batch` (REINFORCE++). The scale s is 1, or the standard deviation of R over
the K (`group`, as in GRPO) or over the batch (Lite PPO, REINFORCE++). With `target_policy`, `group` standardises the
scores u, and `none` takes R itself. `minimum_risk` has its baseline, E R over the K, by construction.

Where draws come from the model and are compared with each other, the first of the K may be the reference itself
(`with_reference`): y_1 = y*, y_2 … y_K ~ p_θ. Shen et al. (2016) build their subsets so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from erpo_explore.dotted import is_dotted
from erpo_explore.errors import ConfigError

__all__ = [
    "BASELINES",
    "ESTIMATORS",
    "KINDS",
    "NORMALISATIONS",
    "SCALES",
    "TOKEN",
    "Baseline",
    "Estimator",
    "EstimatorRules",
    "Normalise",
    "Scale",
]

Baseline = Literal["none", "self_critical", "leave_one_out", "group", "batch"]
BASELINES: Final[tuple[str, ...]] = get_args(Baseline)
Scale = Literal["none", "group", "batch"]
SCALES: Final[tuple[str, ...]] = get_args(Scale)
Normalise = Literal["labels", "target", "sum"]
NORMALISATIONS: Final[tuple[str, ...]] = get_args(Normalise)
_GROUP_BASELINES: Final = ("leave_one_out", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorRules:
    """What a kind of estimator demands of the point that it estimates. The defaults admit every point.

    Attributes:
        implementation: `package.module:object` that draws targets and computes the loss.
        alpha: Admitted α: `any`; `finite`; `zero` (draws without the model); `positive` and finite (draws from the
            model); `one`, with β = 0; `infinite` (a policy gradient).
        needs_increments: Where the reward must value every next token: nowhere (`never`), where α = 0
            (`at_alpha_zero`), or at every finite α (`at_finite_alpha`).
        needs_several: Whether K must be at least 2.
        trains_on_one: Whether the K targets are proposals, of which one is drawn and trained on.
        whole_targets: Whether it draws and trains on whole targets, which fixes prefix `q` and label `sampled`.
        task_alone: Whether the reward must be the metric alone, λ_task = 1.
        metric: The only metric that it can draw by; None for any.
        baselines: Admitted baselines.
        default_baseline: The baseline where the user gives none.
        weighs: Where draws are weighted by the reward minus a baseline: nowhere (`never`), where α is infinite
            (`at_alpha_infinite`), or everywhere (`always`).
        has_sharpness: Whether it has the setting `sharpness`.
        has_best_of: Whether it has the setting `best_of`.
        draws_from_model: Whether draws come from p_θ itself at a finite α, where an anchor only weights them.
        needs_frozen: Whether it draws from a frozen anchor, and so needs `anchor: frozen`.
        ranks: Whether it sees nothing of the rewards but their order.
        admits_reference: Where the reference may be among the draws: nowhere (`never`), where α is infinite
            (`at_alpha_infinite`), or everywhere (`always`).
    """

    implementation: str
    alpha: Literal["any", "finite", "zero", "positive", "one", "infinite"] = "any"
    needs_increments: Literal["never", "at_alpha_zero", "at_finite_alpha"] = "never"
    needs_several: bool = False
    trains_on_one: bool = False
    whole_targets: bool = True
    task_alone: bool = False
    metric: str | None = None
    baselines: tuple[Baseline, ...] = get_args(Baseline)
    default_baseline: Baseline = "self_critical"
    weighs: Literal["never", "at_alpha_infinite", "always"] = "never"
    has_sharpness: bool = False
    has_best_of: bool = False
    draws_from_model: bool = False
    needs_frozen: bool = False
    ranks: bool = False
    admits_reference: Literal["never", "at_alpha_infinite", "always"] = "never"


ESTIMATORS: Final[Mapping[str, EstimatorRules]] = {
    "token": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.token:TOKEN",
        needs_increments="at_finite_alpha",
        whole_targets=False,
        weighs="at_alpha_infinite",
        admits_reference="at_alpha_infinite",
    ),
    "sequence": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.sequence:SEQUENCE",
        alpha="finite",
        needs_increments="at_alpha_zero",
        needs_several=True,
    ),
    "stratified": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.stratified:STRATIFIED",
        alpha="zero",
        task_alone=True,
        metric="edit",
    ),
    "ngram": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.ngram:NGRAM",
        alpha="zero",
        needs_several=True,
        trains_on_one=True,
        task_alone=True,
    ),
    "candidates": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.candidates:CANDIDATES",
        alpha="zero",
        needs_several=True,
        trains_on_one=True,
        task_alone=True,
        needs_frozen=True,
    ),
    "minimum_risk": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.minimum_risk:MINIMUM_RISK",
        alpha="infinite",
        needs_several=True,
        task_alone=True,
        has_sharpness=True,
        admits_reference="always",
    ),
    "best_of": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.best_of:BEST_OF",
        alpha="one",
        needs_several=True,
        task_alone=True,
        has_best_of=True,
        ranks=True,
    ),
    "target_policy": EstimatorRules(
        implementation="erpo_explore.erpo.estimators.target_policy:TARGET_POLICY",
        alpha="positive",
        needs_several=True,
        task_alone=True,
        baselines=("none", "group"),
        default_baseline="group",
        weighs="always",
        draws_from_model=True,
        admits_reference="always",
    ),
}
"""Kinds of estimators, by name."""

KINDS: Final[tuple[str, ...]] = tuple(ESTIMATORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """Which targets are drawn, how many of them, and with which weights they are trained on.

    Attributes:
        kind: A key of `ESTIMATORS`, or `package.module:object`: what is drawn and how it is weighted.
        samples: K, draws per source; for `ngram` and `candidates` the candidates, of which one is trained on.
        baseline: What is subtracted from the reward where draws are weighted by it. Default: `group` for
            `target_policy`, else `self_critical`.
        scale: What the difference to the baseline is divided by: nothing, or the standard deviation of the rewards of
            a source (`group`) or of a batch. Default: `group` for the baseline `group`, else `none`.
        normalise: What the weighted label losses are divided by: the number of labels of the batch (`labels`); the
            labels of each target, then the number of targets (`target`, as in GRPO's paper); or the number of targets
            alone (`sum`, as in Dr. GRPO up to a constant).
        sharpness: a of `minimum_risk`, the exponent of p_θ; Shen et al. use 0.005.
        best_of: n of `best_of`, at most K. Default: K.
        with_reference: Whether the first of the K draws is the reference itself.
        reuse: Steps that one set of draws of a policy gradient is trained on, by PPO's clipped ratio from the second
            step on (`erpo.reuse`).
        clip: ε of PPO, the largest change of a label's probability that is still rewarded. Default: 0.2.

    Raises:
        ConfigError: A value is unknown or out of range, or K is too small for the kind or the baseline.
    """

    kind: str = "token"
    samples: int = 1
    baseline: Baseline | None = None
    scale: Scale | None = None
    normalise: Normalise = "labels"
    sharpness: float = 1.0
    best_of: int | None = None
    with_reference: bool = False
    reuse: int = 1
    clip: float | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.kind, str) and (self.kind in ESTIMATORS or is_dotted(self.kind))):
            raise ConfigError(
                f"estimator.kind must be one of {', '.join(KINDS)}, or your own as package.module:object, "
                f"got {self.kind!r}"
            )
        if self.baseline is not None and self.baseline not in BASELINES:
            raise ConfigError(f"estimator.baseline must be one of {', '.join(BASELINES)}, got {self.baseline!r}")
        if self.scale is not None and self.scale not in SCALES:
            raise ConfigError(f"estimator.scale must be one of {', '.join(SCALES)}, got {self.scale!r}")
        if self.normalise not in NORMALISATIONS:
            raise ConfigError(f"estimator.normalise must be one of {', '.join(NORMALISATIONS)}, got {self.normalise!r}")
        if isinstance(self.samples, bool) or not (isinstance(self.samples, int) and self.samples >= 1):
            raise ConfigError(f"estimator.samples must be a whole number >= 1, got {self.samples!r}")
        if self.samples < 2 and self.rules.needs_several:
            raise ConfigError(f"estimator.samples must be >= 2 for kind={self.kind}, got {self.samples}; use e.g. 4")
        if self.samples < 2 and self.baseline in _GROUP_BASELINES:
            raise ConfigError(
                f"estimator.samples must be >= 2 for baseline={self.baseline}, got {self.samples}; use e.g. 4, or "
                "baseline: self_critical"
            )
        if self.samples < 2 and self.scale == "group":
            raise ConfigError(f"estimator.samples must be >= 2 for scale=group, got {self.samples}; use e.g. 4")
        if not (math.isfinite(self.sharpness) and self.sharpness > 0.0):
            raise ConfigError(f"estimator.sharpness must be > 0 and finite, got {self.sharpness!r}")
        if self.sharpness != 1.0 and not self.rules.has_sharpness:
            raise ConfigError(
                f"estimator.sharpness has no effect with kind={self.kind}, got {self.sharpness!r}; leave it out, or "
                "use kind: minimum_risk"
            )
        if self.best_of is not None and not self.rules.has_best_of:
            raise ConfigError(
                f"estimator.best_of has no effect with kind={self.kind}, got {self.best_of!r}; leave it out, or use "
                "kind: best_of"
            )
        if isinstance(self.best_of, bool) or not (
            isinstance(self.chosen_best_of, int) and 2 <= self.chosen_best_of <= max(2, self.samples)
        ):
            raise ConfigError(
                f"estimator.best_of must be a whole number from 2 to samples={self.samples}, got {self.best_of!r}"
            )
        if isinstance(self.reuse, bool) or not (isinstance(self.reuse, int) and self.reuse >= 1):
            raise ConfigError(f"estimator.reuse must be a whole number >= 1, got {self.reuse!r}")
        if self.clip is not None and not (math.isfinite(self.clip) and self.clip > 0.0):
            raise ConfigError(f"estimator.clip must be > 0 and finite, got {self.clip!r}; PPO has 0.2")
        if self.clip is not None and self.reuse == 1:
            raise ConfigError(
                f"estimator.clip={self.clip:g} has no effect with reuse=1, where the ratio is 1; leave it out, or use "
                "e.g. reuse: 4"
            )
        if not isinstance(self.with_reference, bool):
            raise ConfigError(f"estimator.with_reference must be true or false, got {self.with_reference!r}")
        if self.with_reference and self.samples < 2:
            raise ConfigError(
                f"estimator.samples must be >= 2 for with_reference=true, got {self.samples}; use e.g. 4, of which one "
                "is the reference"
            )

    @property
    def rules(self) -> EstimatorRules:
        """The rules of its kind; an estimator from outside has none."""
        return ESTIMATORS.get(self.kind) or EstimatorRules(
            implementation=self.kind, weighs="always", has_sharpness=True, has_best_of=True, admits_reference="always"
        )

    @property
    def chosen_baseline(self) -> Baseline:
        """The baseline: the given one, or the default of the kind."""
        return self.rules.default_baseline if self.baseline is None else self.baseline

    @property
    def chosen_best_of(self) -> int:
        """Size n of the sets of `best_of`: the given one, or K."""
        return max(2, self.samples) if self.best_of is None else self.best_of

    @property
    def chosen_clip(self) -> float:
        """PPO's ε: the given one, or 0.2."""
        return 0.2 if self.clip is None else self.clip

    @property
    def chosen_scale(self) -> Scale:
        """The scale: the given one, or the default of the baseline."""
        if self.scale is not None:
            return self.scale
        return "group" if self.chosen_baseline == "group" else "none"

    @property
    def compares_sources(self) -> bool:
        """Whether the weight of a draw depends on the rewards of other sources."""
        return "batch" in (self.chosen_baseline, self.chosen_scale)

    @property
    def draws_per_source(self) -> int:
        """Targets per source that are trained on."""
        return 1 if self.rules.trains_on_one else self.samples

    def to_dict(self) -> dict[str, Any]:
        """Plain values as a user writes them: the kind, and what differs from the defaults."""
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
            return cls(kind=written)
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
"""One draw per source, token by token: the default of a point."""
