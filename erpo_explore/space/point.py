"""A point (R, α, β) of the space of training algorithms, and how its gradient is estimated.

    q(y | x) ∝ exp{ (α log p_θ(y | x) + R(y | y*)) / (α + β) }

with ρ = α / (α + β), the trust in the model, and τ = α + β, the temperature (Tan et al. 2018, arXiv 1811.09740).

log p_θ is that of the model itself, or of an anchor (`anchor`): the model as it was when the path came to the anchored
points (`frozen`), or a moving average of its weights since then (`ema`). At α = ∞ an anchor enters by a penalty, and
the objective is

    E_p[R] + β H(p_θ) − κ KL(p_θ ‖ p_anchor)

A blend of points P_i with shares w_i has the loss Σ_i w_i L(P_i). It is what lies between points of different
estimators, such as maximum likelihood and a policy gradient. It is a point with further points, see `Point.blend`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from erpo_explore.errors import ConfigError, brief, did_you_mean
from erpo_explore.space.estimator import ESTIMATORS, TOKEN, Estimator
from erpo_explore.space.reward import TOKEN_METRICS, Reward, to_number

__all__ = ["ANCHORS", "LABELS", "PREFIXES", "Anchor", "Label", "Point", "Prefix"]

Prefix = Literal["truth", "q", "model"]
Label = Literal["sampled", "expected", "truth"]
Anchor = Literal["self", "frozen", "ema"]
PREFIXES: Final[tuple[str, ...]] = get_args(Prefix)
LABELS: Final[tuple[str, ...]] = get_args(Label)
ANCHORS: Final[tuple[str, ...]] = get_args(Anchor)

_OTHERS: Final = ("prefix", "label", "estimator", "forced", "anchor", "kappa", "rate", "blend")
"""Fields of a point beside its reward and its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One training algorithm.

    Attributes:
        reward: R, a point on the simplex of rewards.
        alpha: α ≥ 0, weight of staying close to the model. The limit of infinite α is policy gradient.
        beta: β ≥ 0 and finite, weight of the sampler's entropy. At infinite α, of the model's: an entropy bonus.
        prefix: Source of the tokens that the next one is conditioned on: the reference (`truth`), the sampler (`q`) or
            the `model`.
        label: What the model is trained to predict: a draw from q (`sampled`), q's whole distribution (`expected`), or
            the reference's token (`truth`).
        estimator: Which targets are drawn, how many, and how they are weighted.
        forced: Share of the reference, from its beginning, with which every target starts. It is trained on as it is.
            MIXER lowers it from 1 to 0 (Ranzato et al. 2015).
        anchor: The model that q reads, or that the penalty compares with: the model itself (`self`); its weights at the
            first step of the path's stretch of points with this anchor (`frozen`), such as those of `init_from`; or the
            moving average of the weights since that step (`ema`).
        kappa: κ ≥ 0, weight of the KL divergence from the anchor at infinite α.
        rate: Factor on the learning rate of a step, beside the schedule of `training`. A blend has one for all points.
        blend: Further points, each with the share of a batch's sources that is trained at it. The rest of the sources
            is trained at the point that the other fields describe.

    Raises:
        ConfigError: α + β = 0, a value out of range, or a combination without a meaning.
    """

    reward: Reward
    alpha: float = 0.0
    beta: float = 1.0
    prefix: Prefix = "q"
    label: Label = "sampled"
    estimator: Estimator = TOKEN
    forced: float = 0.0
    anchor: Anchor = "self"
    kappa: float = 0.0
    rate: float = 1.0
    blend: tuple[tuple[float, "Point"], ...] = ()

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
        if not 0.0 <= self.forced <= 1.0:
            raise ConfigError(f"forced must lie in [0, 1], got {self.forced!r}; it is a share of the reference")
        if (
            self.reward.noise > 0.0
            and self.reward.noise_kind == "blank"
            and (self.label != "truth" or self.alpha > 0.0)
        ):
            raise ConfigError(
                f"noise_kind=blank needs label=truth and alpha=0, got label={self.label}, alpha={self.alpha:g}: "
                "a blank may be read, but not be said"
            )
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise ConfigError(f"rate must be > 0 and finite, got {self.rate!r}; it is a factor on the learning rate")
        self._check_estimator()
        self._check_anchor()
        self._check_blend()

    def _check_anchor(self) -> None:
        """Raise ConfigError where an anchor or a penalty has no effect."""
        if self.anchor not in ANCHORS:
            raise ConfigError(f"anchor must be one of {', '.join(ANCHORS)}, got {self.anchor!r}")
        if not (math.isfinite(self.kappa) and self.kappa >= 0.0):
            raise ConfigError(f"kappa must be >= 0 and finite, got {self.kappa!r}; kappa weighs KL(p ‖ anchor)")
        if self.kappa > 0.0 and not (self.is_policy_gradient and self.estimator.rules.weighs != "never"):
            raise ConfigError(
                f"kappa is the penalty at alpha=inf with estimator token, got kappa={self.kappa:g} at "
                f"alpha={self.alpha:g} with {self.estimator.kind}; leave it out: at a finite alpha, q reads the anchor"
            )
        if self.kappa > 0.0 and self.estimator.with_reference:
            raise ConfigError("kappa needs draws from the model alone, got with_reference=true; leave one of them out")
        if self.estimator.rules.needs_frozen and self.anchor != "frozen":
            raise ConfigError(
                f"estimator {self.estimator.kind} needs anchor frozen, whose targets it draws, got {self.anchor}"
            )
        if self.anchor == "self":
            if self.kappa > 0.0:
                raise ConfigError(f"kappa needs an anchor, got kappa={self.kappa:g}, anchor=self; use anchor: frozen")
            return
        if self.is_policy_gradient and self.kappa == 0.0:
            raise ConfigError(
                f"anchor={self.anchor} has no effect at alpha=inf without a penalty; use e.g. kappa: 0.05"
            )
        if not (self.is_policy_gradient or self.sampler_reads_model or self.estimator.rules.needs_frozen):
            raise ConfigError(
                f"anchor={self.anchor} has no effect where q does not read the model, got alpha={self.alpha:g}, "
                f"{self.reward}; leave it out, or use alpha > 0"
            )
        if self.prefix == "model":
            raise ConfigError(f"prefix=model reads the model itself, got anchor={self.anchor}; use prefix: q or truth")

    def _check_blend(self) -> None:
        """Raise ConfigError where the shares of further points leave nothing, or a point occurs twice."""
        for share, other in self.blend:
            if not 0.0 < share < 1.0:
                raise ConfigError(f"blend.share must lie between 0 and 1, got {share!r}; leave out what has no share")
            if other.blend:
                raise ConfigError(f"blend.point must be a point without a blend of its own, got {other}")
            if other.rate != 1.0:
                raise ConfigError(
                    f"blend.point must have no rate of its own, got rate={other.rate:g}; give the blend one"
                )
        total = math.fsum(share for share, _ in self.blend)
        if not total < 1.0:
            raise ConfigError(f"blend shares must sum to less than 1, got {total:g}; the rest is for the point itself")
        points = [point for _, point in self.parts]
        if any(point in points[:index] for index, point in enumerate(points)):
            raise ConfigError(f"blend must have different points, got one twice: {self}; add up their shares")

    @property
    def parts(self) -> "tuple[tuple[float, Point], ...]":
        """The points of a blend with their shares, which sum to 1; this point alone where it is none."""
        if not self.blend:
            return ((1.0, self),)
        rest = 1.0 - math.fsum(share for share, _ in self.blend)
        return ((rest, replace(self, blend=(), rate=1.0)), *self.blend)

    @property
    def main(self) -> "Point":
        """The point of a blend with the largest share; of equal shares, the first."""
        return max(self.parts, key=lambda part: part[0])[1]

    @classmethod
    def blended(cls, parts: "Sequence[tuple[float, Point]]") -> "Point":
        """The blend of points with these shares, which sum to 1. Equal points are one, and shares of 0 are left out.

        Its rate is the geometric mean of theirs, weighted by their shares.
        """
        shares: dict[Point, float] = {}
        for share, point in parts:
            for own, part in point.parts:
                if share * own > 0.0:
                    plain = part if part.rate == 1.0 else replace(part, rate=1.0)
                    shares[plain] = shares.get(plain, 0.0) + share * own
        first, *others = shares
        rate = math.exp(math.fsum(share * math.log(point.rate) for share, point in parts))
        return replace(first, rate=rate, blend=tuple((shares[other], other) for other in others))

    def _check_estimator(self) -> None:
        """Raise ConfigError where the rest of the point breaks a rule of the estimator."""
        kind, rules, R = self.estimator.kind, self.estimator.rules, self.reward
        where = f"estimator {kind}"
        if self.is_policy_gradient:
            where = "alpha=inf (policy gradient)"
            if rules.alpha not in ("any", "infinite"):
                raise ConfigError(
                    f"{where} needs estimator {_names('any', 'infinite')}, got {kind}; use a finite alpha"
                )
        elif rules.alpha == "infinite":
            raise ConfigError(f"{where} is a policy gradient and needs alpha=inf, got alpha={self.alpha!r}")
        if rules.alpha == "zero" and self.alpha > 0.0:
            raise ConfigError(f"{where} draws without the model and needs alpha=0, got alpha={self.alpha!r}")
        if rules.alpha == "positive" and self.alpha == 0.0:
            raise ConfigError(f"{where} draws from the model and needs alpha > 0, got alpha=0; use alpha: 1, beta: 0")
        if rules.alpha == "one" and (self.alpha, self.beta) != (1.0, 0.0):
            raise ConfigError(f"{where} is the point alpha=1, beta=0, got alpha={self.alpha!r}, beta={self.beta!r}")
        if rules.ranks and R.temperature != 1.0:
            raise ConfigError(
                f"{where} sees the order of the rewards alone, so reward.temperature={R.temperature:g} has no effect; "
                "leave it out"
            )
        if self.estimator.chosen_baseline not in rules.baselines:
            raise ConfigError(f"{where} needs baseline {' or '.join(rules.baselines)}, got {self.estimator.baseline}")
        if self.estimator.baseline is not None and not (
            rules.weighs == "always" or (rules.weighs == "at_alpha_infinite" and self.is_policy_gradient)
        ):
            raise ConfigError(
                f"{where} weighs no draw by its reward, so baseline={self.estimator.baseline} has no effect; leave it "
                "out, or use alpha: inf"
            )
        if rules.metric is not None and not (R.task == 1.0 and R.metric == rules.metric):
            raise ConfigError(f"{where} draws by {rules.metric} and needs the reward {rules.metric}, got {R}")
        if (rules.task_alone or self.is_policy_gradient) and R.task != 1.0:
            raise ConfigError(f"{where} needs reward task=1, got {R}")
        plain = self.prefix == "q" and self.label == "sampled"
        if (rules.whole_targets or self.is_policy_gradient) and not plain:
            raise ConfigError(
                f"{where} trains on whole targets that it draws itself, got prefix={self.prefix}, label={self.label}; "
                "use prefix: q, label: sampled"
            )
        if self.forced > 0.0 and (self.prefix != "q" or rules.whole_targets):
            raise ConfigError(f"forced needs prefix q and estimator token, got prefix={self.prefix}, {where}")
        if R.task == 1.0 and not R.has_increments:
            self._check_finished_reward()
        if kind == "token" and self.estimator.samples > 1 and self.prefix == "truth" and self.label != "sampled":
            raise ConfigError(
                f"prefix=truth with label={self.label} draws nothing, so samples={self.estimator.samples} has no "
                "effect; leave it out"
            )
        if self.estimator.with_reference and not (
            rules.admits_reference == "always"
            or (rules.admits_reference == "at_alpha_infinite" and self.is_policy_gradient and self.forced == 0.0)
        ):
            raise ConfigError(
                f"{where} has no draws beside which the reference can stand, got with_reference=true, "
                f"forced={self.forced:g}; leave it out, or use alpha: inf, forced: 0, or estimator target_policy"
            )
        weighs = rules.weighs == "always" or (rules.weighs == "at_alpha_infinite" and self.is_policy_gradient)
        for name, value, default in (
            ("scale", self.estimator.scale, None),
            ("normalise", self.estimator.normalise, "labels"),
            ("reuse", self.estimator.reuse, 1),
        ):
            if value != default and not (self.is_policy_gradient and weighs):
                raise ConfigError(
                    f"{where} has no {name}, so {name}={value} has no effect; leave it out, or use estimator token "
                    "with alpha: inf"
                )
        if (
            weighs
            and self.estimator.chosen_scale != "none"
            and R.temperature != 1.0
            and not (self.is_policy_gradient and self.beta > 0.0)
        ):
            raise ConfigError(
                f"{where} standardises the rewards, so reward.temperature={R.temperature:g} has no effect; leave it "
                "out, or use scale: none or another baseline than group"
            )
        if self.is_policy_gradient and self.beta != 0.0 and rules.weighs == "never":
            raise ConfigError(
                f"estimator {kind} has no entropy term, so beta must be 0, got beta={self.beta:g}; leave beta out, or "
                "use estimator token"
            )

    def _check_finished_reward(self) -> None:
        """Raise ConfigError where the estimator needs increments of a reward that has none."""
        needed = self.estimator.rules.needs_increments
        if (needed == "at_finite_alpha" and not self.is_policy_gradient) or (
            needed == "at_alpha_zero" and self.alpha == 0.0
        ):
            raise ConfigError(
                f"metric={self.reward.metric} scores finished targets alone, and estimator {self.estimator.kind} at "
                f"alpha={self.alpha:g} needs what each next token adds; it works with alpha=inf (policy gradient, "
                "minimum_risk), with estimator target_policy or sequence at alpha > 0, and with estimator ngram; "
                f"or give a metric of {', '.join(TOKEN_METRICS)}"
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
    def draws_from_anchor(self) -> bool:
        """Whether targets are drawn by the anchor's probabilities, not weighted or penalised by them afterwards."""
        return self.anchor != "self" and not self.is_policy_gradient and not self.estimator.rules.draws_from_model

    @property
    def sampler_reads_model(self) -> bool:
        """Whether drawing targets needs the model's probabilities."""
        return not self.reward.is_truth and (self.alpha > 0.0 or self.reward.model > 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values as a user writes them; `from_dict(to_dict(p)) == p`."""
        written: dict[str, Any] = {
            "reward": self.reward.to_dict(),
            # JSON has no infinity, and strict readers refuse what Python writes for it
            "alpha": "inf" if math.isinf(self.alpha) else self.alpha,
            "beta": self.beta,
            "prefix": self.prefix,
            "label": self.label,
        }
        if self.estimator != TOKEN:
            written["estimator"] = self.estimator.to_dict()
        if self.forced > 0.0:
            written["forced"] = self.forced
        if self.anchor != "self":
            written["anchor"] = self.anchor
        if self.kappa > 0.0:
            written["kappa"] = self.kappa
        if self.rate != 1.0:
            written["rate"] = self.rate
        if self.blend:
            written["blend"] = [{"share": share, "point": point.to_dict()} for share, point in self.blend]
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Point":
        """Read what a user wrote: `reward`, and `alpha` with `beta` or `rho` with `tau`.

        Raises:
            ConfigError: A field is unknown, missing or out of range.
        """
        if not isinstance(written, Mapping):
            raise ConfigError(f"a point must be a mapping with the field reward, got {brief(written)}")
        known = ("reward", "alpha", "beta", "rho", "tau", *_OTHERS)
        for name in written:
            if name not in known:
                raise ConfigError(f"point.{name} is unknown; known are {', '.join(known)}{did_you_mean(name, known)}")
        if "reward" not in written:
            raise ConfigError("point.reward is missing; use e.g. reward: bleu, or reward: {truth: 0.9, noise: 0.1}")
        natural = {name for name in ("rho", "tau") if name in written}
        if natural and {"alpha", "beta"} & set(written):
            raise ConfigError("a point has either alpha and beta or rho and tau, got both")
        alpha = _number(written.get("alpha", 0.0), "alpha")
        beta = _number(written.get("beta", 0.0 if math.isinf(alpha) else 1.0), "beta")
        if natural:
            rho, tau = _number(written.get("rho", 0.0), "rho"), _number(written.get("tau", 1.0), "tau")
            if not 0.0 <= rho <= 1.0:
                raise ConfigError(f"rho must lie in [0, 1], got {rho!r}; it is alpha / (alpha + beta)")
            if not tau > 0.0:
                raise ConfigError(f"tau must be > 0, got {tau!r}; it is alpha + beta")
            if math.isinf(tau) and rho < 1.0:
                raise ConfigError(f"tau = inf is policy gradient and needs rho = 1, got rho={rho!r}; use a finite tau")
            alpha, beta = weights_of(rho, tau)
        others = {name: written[name] for name in ("prefix", "label", "anchor") if name in written}
        if "estimator" in written:
            others["estimator"] = Estimator.from_dict(written["estimator"])
        others |= {name: to_number(written[name], name) for name in ("forced", "kappa", "rate") if name in written}
        if "blend" in written:
            others["blend"] = _read_blend(written["blend"])
        return cls(reward=Reward.from_dict(written["reward"]), alpha=alpha, beta=beta, **others)

    def __str__(self) -> str:
        others = "".join(
            f" {name}={value}"
            for name, value, default in (
                ("prefix", self.prefix, "q"),
                ("label", self.label, "sampled"),
                ("estimator", self.estimator, TOKEN),
                ("forced", self.forced, 0.0),
                ("anchor", self.anchor, "self"),
                ("κ", self.kappa, 0.0),
                ("rate", self.rate, 1.0),
            )
            if value != default
        )
        blend = "".join(f" + {share:.3g} × ({point})" for share, point in self.blend)
        return f"{self.reward} α={self.alpha:.4g} β={self.beta:.4g}{others}{blend}"


def weights_of(rho: float, tau: float) -> tuple[float, float]:
    """(α, β): α = ρτ and β = (1 − ρ)τ, with ρ = 1, τ = ∞ as policy gradient's α = ∞, β = 0."""
    if math.isinf(tau):
        return math.inf, 0.0
    return rho * tau, (1.0 - rho) * tau


def _read_blend(written: Any) -> tuple[tuple[float, Point], ...]:
    """Further points as a user wrote them: a list of mappings with the fields share and point."""
    if not isinstance(written, list) or not all(
        isinstance(part, Mapping) and set(part) == {"share", "point"} for part in written
    ):
        raise ConfigError(f"blend must be a list of mappings with the fields share and point, got {brief(written)}")
    return tuple((to_number(part["share"], "blend.share"), Point.from_dict(part["point"])) for part in written)


def _names(*alphas: str) -> str:
    """The kinds of estimators that admit one of these sets of α."""
    return " or ".join(kind for kind, rules in ESTIMATORS.items() if rules.alpha in alphas)


def _number(value: Any, field: str) -> float:
    """An int, a float, or the text `inf`, which YAML itself writes as .inf."""
    return math.inf if value == "inf" else to_number(value, field)
