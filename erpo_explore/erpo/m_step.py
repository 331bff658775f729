"""The M-step: from drawn targets to a loss whose gradient moves p_θ toward them.

Legend: N kept labels, R rows (B sources times K draws), T target length, V vocabulary.

    token labels       L_n = −log p_θ(y_n)
    soft labels        L_n = −Σ_v q̃_n(v) log p_θ(v)
    mean               L   = Σ_n L_n / N

The estimators weight the label losses L_n differently; `erpo_explore.erpo.estimators` has one module per estimator.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.kept_draws import KeptDraws
from erpo_explore.erpo.label_losses import (
    allowed_probabilities,
    cross_entropy,
    label_losses,
    projected_label_losses,
    soft_label_losses,
)
from erpo_explore.erpo.reward_statistics import RewardStatistics
from erpo_explore.erpo.step import Step
from erpo_explore.space.estimator import Normalise

__all__ = [
    "LabelLosses",
    "StepLoss",
    "anchor_divergences",
    "anchor_log_p",
    "drawn_label_losses",
    "known_mean",
    "mean_loss",
    "model_draw_losses",
    "normalised",
    "reference_loss",
    "row_sums",
    "step_result",
]


_NUMBERS: Final = ("num_units", "entropy_nats", "effective_sample_size", "cut_targets")
"""Fields of `StepLoss` that are tensors before `on_host`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoss:
    """The loss of one training step, and statistics of its draws.

    Attributes:
        loss: Scalar with gradient. In nats per token at finite α; else in the unit of the estimator's own loss.
        num_tokens: Number of labels that were trained on.
        num_units: Number of units that the loss is a mean over: labels (each with its weight), targets or sources.
        entropy_nats: Entropy of q̃ per token, the mean of −log q̃ of the drawn labels; None where nothing was drawn.
        rewards: Metric of the targets; None where the reward is a mixture or targets were not scored.
        effective_sample_size: Mean over the sources, between 1 and K; None where draws are not weighted as wholes.
        cut_targets: Share of the drawn targets that were cut before their EOS; None where nothing was drawn.
        kept: The draws, for further steps on them; None where they are not used again.
        value: The loss as a number; None before `on_host`.

    The statistics are tensors of the device until `on_host`, so that the host waits for all of them once.
    """

    loss: Float[Tensor, ""]
    num_tokens: int
    num_units: float | Float[Tensor, ""]
    entropy_nats: float | Float[Tensor, ""] | None = None
    rewards: RewardStatistics | None = None
    effective_sample_size: float | Float[Tensor, ""] | None = None
    cut_targets: float | Float[Tensor, ""] | None = None
    kept: KeptDraws | None = None
    value: float | None = None

    @property
    def is_finite(self) -> bool:
        """Whether the loss is a finite number."""
        return math.isfinite(float(self.loss.detach()) if self.value is None else self.value)

    def on_host(self, *problems: tuple[Bool[Tensor, ""], str]) -> "StepLoss":
        """The same with numbers for tensors, read at once; the loss keeps its graph.

        Args:
            problems: Flags on the device, each with what it means.

        Raises:
            ValueError: A flag is set.
        """
        if self.value is not None and not problems:
            return self
        named = {name: value for name in _NUMBERS if isinstance(value := getattr(self, name), Tensor)}
        rewards = {} if self.rewards is None else self.rewards.on_device()
        flags = {text: flag for flag, text in problems}
        given = [self.loss.detach(), *named.values(), *rewards.values(), *flags.values()]
        numbers = iter(torch.stack([value.double() for value in given]).tolist())
        found: dict[str, Any] = {"value": next(numbers)}
        for name in named:
            number = next(numbers)
            found[name] = None if name == "entropy_nats" and math.isnan(number) else number
        if self.rewards is not None:
            found["rewards"] = replace(self.rewards, **{name: next(numbers) for name in rewards})
        for text in flags:
            if next(numbers):
                raise ValueError(text)
        return replace(self, **found)

    @property
    def mean_reward(self) -> float | Float[Tensor, ""] | None:
        """Mean metric of the targets."""
        return None if self.rewards is None else self.rewards.mean

    @property
    def reward_variance(self) -> float | Float[Tensor, ""] | None:
        """Variance of the metric of the targets."""
        return None if self.rewards is None else self.rewards.variance

    @property
    def equal_rewards(self) -> float | Float[Tensor, ""] | None:
        """Share of sources whose draws have equal rewards; None for one draw per source as well."""
        return None if self.rewards is None else self.rewards.equal_share


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelLosses:
    """L_n of each kept label.

    Attributes:
        losses_N: −log p_θ, or the cross-entropy to a soft label, in nats and with gradient.
        model_q_N: λ_model · p_θ of each label, which `Draw.q_RT` leaves out; None where nothing is left out.
        logits_NV: The logits at the kept labels, where a penalty reads them; else None.
    """

    losses_N: Float[Tensor, " N"]
    model_q_N: Float[Tensor, " N"] | None = None
    logits_NV: Float[Tensor, "N V"] | None = None

    def __len__(self) -> int:
        return len(self.losses_N)


def reference_loss(step: Step, draw: Draw) -> StepLoss:
    """Cross-entropy on the reference's labels: maximum likelihood, bit for bit torch's own."""
    logits_NV = _kept_logits(step, draw)
    loss = cross_entropy(logits_NV, draw.kept(draw.labels_RT))
    return StepLoss(loss=loss, num_tokens=len(logits_NV), num_units=float(len(logits_NV)))


def mean_loss(step: Step, draw: Draw) -> StepLoss:
    """Mean label loss: every draw has weight 1."""
    losses = drawn_label_losses(step, draw)
    return step_result(
        draw,
        losses,
        losses.losses_N.mean(),
        num_units=len(losses) / step.num_draws,
        rewards=step.reward_statistics(draw.reward_R),
    )


def drawn_label_losses(step: Step, draw: Draw) -> LabelLosses:
    """Losses of draws from q̃ at finite α, with p_θ over the whole vocabulary."""
    if draw.logits is not None:
        return LabelLosses(losses_N=_known_losses(step, draw))
    logits_NV = _kept_logits(step, draw)
    labels_N = draw.kept(draw.labels_RT)
    if draw.soft_labels is not None:
        losses_N = soft_label_losses(logits_NV, draw.soft_labels.kept(draw.kept_N))
        return LabelLosses(losses_N=_with_forced(losses_N, draw, logits_NV))
    losses_N = label_losses(logits_NV, labels_N)
    if draw.model_share == 0.0:
        return LabelLosses(losses_N=losses_N)
    never_drawn = step.reference.symbols.never_drawn
    p_N = allowed_probabilities(losses_N.detach(), logits_NV.detach(), labels_N, never_drawn)
    return LabelLosses(losses_N=losses_N, model_q_N=draw.model_share * p_N)


def model_draw_losses(step: Step, draw: Draw) -> LabelLosses:
    """Losses of draws from the model, with p_θ over the tokens that a target may hold, as it was drawn from."""
    never_drawn = step.reference.symbols.never_drawn
    if draw.logits is not None:
        return LabelLosses(losses_N=_known_losses(step, draw, never_drawn))
    logits_NV = _kept_logits(step, draw)
    labels_N = draw.kept(draw.labels_RT)
    losses_N = label_losses(logits_NV, labels_N, never_drawn)
    if step.point.estimator.with_reference:  # only the reference may hold an unknown word
        is_unknown_N = labels_N == step.reference.symbols.unk
        losses_N = torch.where(is_unknown_N, label_losses(logits_NV, labels_N), losses_N)
    return LabelLosses(
        losses_N=_with_forced(losses_N, draw, logits_NV), logits_NV=logits_NV if step.point.kappa > 0.0 else None
    )


@torch.no_grad()
def anchor_log_p(step: Step, draw: Draw) -> Float[Tensor, " R"]:
    """Log p_anchor of each target, over the tokens that a target may hold."""
    losses = model_draw_losses(step.of_anchor(), replace(draw, logits=None))
    return -row_sums(losses.losses_N, draw.keep_RT)


def anchor_divergences(step: Step, draw: Draw, losses: LabelLosses) -> Float[Tensor, " N"] | None:
    """κ KL(p_θ ‖ p_anchor) of the next token at each kept label, with gradient; None without a penalty.

    Over the tokens that a target may hold, and 0 at forced labels, which the model does not choose.

    Args:
        step: The step.
        draw: Its targets.
        losses: What `model_draw_losses` returned for them.
    """
    if losses.logits_NV is None:
        return None
    symbols = step.reference.symbols
    log_p_NV = allowed_log_p(losses.logits_NV, symbols)
    with torch.no_grad():
        log_anchor_NV = allowed_log_p(_kept_logits(step.of_anchor(), draw), symbols)
    is_allowed_V = log_p_NV[0] > -torch.inf
    # tokens that are never drawn have p = 0 and would add 0 · (∞ − ∞)
    gap_NV = torch.where(is_allowed_V, log_p_NV - log_anchor_NV, 0.0)
    divergence_N = step.point.kappa * (log_p_NV.exp() * gap_NV).sum(1)
    return divergence_N if draw.forced_RT is None else divergence_N.masked_fill(draw.kept(draw.forced_RT), 0.0)


def known_mean(values: Sequence[tuple[Any, float]]) -> Any:
    """Weighted mean of the values of a batch's parts that are known; None where none is."""
    known = [(value, weight) for value, weight in values if value is not None and weight > 0]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None


def normalised(weighted_N: Float[Tensor, " N"], draw: Draw, normalise: Normalise) -> tuple[Float[Tensor, ""], float]:
    """The loss of weighted label losses, and the number of units that it is a mean over: labels, or targets."""
    if normalise == "labels":
        return weighted_N.mean(), float(len(weighted_N))
    sum_R = row_sums(weighted_N, draw.keep_RT)
    loss_R = sum_R / draw.keep_RT.sum(1) if normalise == "target" else sum_R
    return loss_R.mean(), float(len(loss_R))


def row_sums(value_N: Float[Tensor, " N"], keep_RT: Bool[Tensor, "R T"]) -> Float[Tensor, " R"]:
    """Sums over the kept positions of each row."""
    return torch.zeros(keep_RT.shape, device=value_N.device).masked_scatter(keep_RT, value_N).sum(1)


def step_result(
    draw: Draw,
    losses: LabelLosses,
    loss: Float[Tensor, ""],
    *,
    num_units: float | Float[Tensor, ""],
    rewards: RewardStatistics | None = None,
    effective_sample_size: Float[Tensor, ""] | None = None,
    kept: KeptDraws | None = None,
) -> StepLoss:
    """A loss with the statistics of its draws; the arguments are as in `StepLoss`."""
    return StepLoss(
        loss=loss,
        num_tokens=len(losses),
        num_units=num_units,
        entropy_nats=_entropy_nats(draw, losses.model_q_N),
        rewards=rewards,
        effective_sample_size=effective_sample_size,
        cut_targets=None if draw.finished_R is None else (~draw.finished_R).float().mean(),
        kept=kept,
    )


def _kept_logits(step: Step, draw: Draw) -> Float[Tensor, "N V"]:
    return step.model.project(draw.kept(step.model.features(step.memory, draw.inputs_RT)))


def _known_losses(step: Step, draw: Draw, forbidden: tuple[int, ...] = ()) -> Float[Tensor, " N"]:
    """Label losses from the sampler's logits, without a second projection."""
    known, layer = draw.logits, step.model.output_layer
    if known is None or layer is None:
        raise ValueError("logits are known only of a model with an output layer")
    position = (known.row_N, known.step_N)
    features_NH = step.model.features(step.memory, draw.inputs_RT)[position]
    losses_N = projected_label_losses(features_NH, layer, known.logits_NV, draw.labels_RT[position], forbidden)
    # from the order of the sampling steps to the order of the rows
    return draw.kept(torch.zeros(draw.keep_RT.shape, device=losses_N.device).index_put(position, losses_N))


def _with_forced(losses_N: Float[Tensor, " N"], draw: Draw, logits_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
    """The losses with plain cross-entropy at forced labels, which may be tokens that no draw holds (unknown words)."""
    if draw.forced_RT is None:
        return losses_N
    forced_N = draw.kept(draw.forced_RT)
    return torch.where(forced_N, label_losses(logits_NV, draw.kept(draw.labels_RT)), losses_N)


def _entropy_nats(draw: Draw, model_q_N: Float[Tensor, " N"] | None) -> Float[Tensor, ""] | None:
    """Mean of −log q̃ over the drawn labels."""
    if draw.q_RT is None or len(draw.kept_N) == 0:
        return None
    q_N = draw.kept(draw.q_RT)
    if model_q_N is not None:
        q_N = q_N + model_q_N
    surprisal_N = -q_N.clamp(min=torch.finfo(q_N.dtype).tiny).log()
    if draw.forced_RT is None:
        return surprisal_N.mean()
    # NaN where every label is forced, which `on_host` turns into None
    drawn_N = ~draw.kept(draw.forced_RT)
    return torch.where(drawn_N, surprisal_N, 0.0).sum() / drawn_N.sum()
