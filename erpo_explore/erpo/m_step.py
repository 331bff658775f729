"""The M-step: losses whose gradient moves p_θ toward what the E-step drew.

Legend: N kept labels, B sources, K draws of each, V vocabulary.

    on labels            L_n = −log p_θ(y_n)                         and what the labels count, their weights c_n
    on distributions     L_n = −Σ_v q̃_n(v) log p_θ(v)
    mean                 L   = Σ_n c_n L_n / Σ_n c_n
    α → ∞                L   = Σ_n A_n L_n / N                       A = R − b over K
    minimum risk         L   = −1/B Σ_b Σ_k Q_k R_k                   Q_k ∝ p_θ(y_k)^a among the draws
    target policy        L   = −1/B Σ_b Σ_k q_k log p̂_k              p̂_k ∝ p_θ(y_k) among the draws

The third is REINFORCE: q → p_θ (1 + (R − E R)/α) and E_p[∇ log p_θ] = 0, so α ∇ E_q[log p_θ] → E_p[(R − b) ∇ log p_θ].
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.soft_labels import SoftLabels, TokenLabels

__all__ = [
    "allowed_probabilities",
    "cross_entropy",
    "first_of_its_kind",
    "label_losses",
    "minimum_risk_loss",
    "projected_label_losses",
    "soft_label_losses",
    "target_policy_loss",
]


def cross_entropy(logits_NV: Float[Tensor, "N V"], labels_N: Int[Tensor, " N"]) -> Float[Tensor, ""]:
    """Mean −log p_θ of the labels, in nats: torch's own, bit for bit.

    Example:
        >>> float(cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 2])))
        1.3862943649291992
    """
    return torch.nn.functional.cross_entropy(logits_NV, labels_N)


def label_losses(
    logits_NV: Float[Tensor, "N V"], labels_N: Int[Tensor, " N"], forbidden: tuple[int, ...] = ()
) -> Float[Tensor, " N"]:
    """−log p_θ of each label, in nats.

    Args:
        logits_NV: Of the kept labels.
        labels_N: The labels.
        forbidden: What p_θ does not reach, if it is to be over what a target may hold, as draws from the model are.
    """
    return _Losses.apply(logits_NV.float(), TokenLabels(token_X=labels_N), forbidden)  # type: ignore[no-any-return, no-untyped-call]


def allowed_probabilities(
    losses_N: Float[Tensor, " N"],
    logits_NV: Float[Tensor, "N V"],
    labels_N: Int[Tensor, " N"],
    forbidden: tuple[int, ...],
) -> Float[Tensor, " N"]:
    """p_θ of each label over what a target may hold, worked out of −log p_θ over the whole vocabulary.

    Args:
        losses_N: `label_losses` of the labels.
        logits_NV: Of the kept labels.
        labels_N: Labels that may be drawn.
        forbidden: What a target never holds.
    """
    log_total_N = losses_N + logits_NV.gather(1, labels_N[:, None])[:, 0].float()
    share_N = (logits_NV[:, list(forbidden)].float() - log_total_N[:, None]).exp().sum(1)
    return (-losses_N).exp() / (1.0 - share_N.clamp(max=1.0 - 1e-6))


def soft_label_losses(logits_NV: Float[Tensor, "N V"], labels: SoftLabels) -> Float[Tensor, " N"]:
    """−Σ_v q(v) log p_θ(v) = log Σ_v exp(l(v)) − Σ_v q(v) l(v) of each label, in nats; q sums to 1.

    Args:
        logits_NV: Of the kept labels.
        labels: q̃ at the same places.
    """
    return _Losses.apply(logits_NV.float(), labels, ())  # type: ignore[no-any-return, no-untyped-call]


def projected_label_losses(
    features_NH: Float[Tensor, "N H"],
    output_layer: tuple[Float[Tensor, "V H"], Float[Tensor, " V"]],
    logits_NV: Float[Tensor, "N V"],
    labels_N: Int[Tensor, " N"],
    forbidden: tuple[int, ...] = (),
) -> Float[Tensor, " N"]:
    """−log p_θ of each label, of logits that are known already, with the gradient through the features.

    The projection onto the vocabulary is a third of a step; a sampler that has made it need not make it again.

    Args:
        features_NH: What the logits were made of, with gradient.
        output_layer: Weight and bias that they were made with.
        logits_NV: features · weight + bias, without gradient; the backward pass writes over them.
        labels_N: The labels.
        forbidden: What p_θ does not reach, if it is to be over what a target may hold.
    """
    labels = TokenLabels(token_X=labels_N)
    return _ProjectedLosses.apply(features_NH, *output_layer, logits_NV, labels, forbidden)  # type: ignore[no-any-return, no-untyped-call]


class _Losses(torch.autograd.Function):
    """Backward is softmax(l) − q, made in one tensor; autograd's own would write one for each term of the loss."""

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, labels: SoftLabels, forbidden: tuple[int, ...]) -> Tensor:
        log_total_N = _log_totals(logits_NV, forbidden)
        ctx.save_for_backward(logits_NV, log_total_N)
        ctx.labels, ctx.forbidden = labels, forbidden
        return log_total_N - labels.algorithm(logits_NV)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        logits_NV, log_total_N = ctx.saved_tensors
        p_NV = (logits_NV - log_total_N[:, None]).exp_()
        return _less_labels(p_NV, ctx.labels, ctx.forbidden, gradients[0]), None, None


class _ProjectedLosses(torch.autograd.Function):
    """The same, and the projection's own backward behind it."""

    @staticmethod
    def forward(
        ctx: Any,
        features_NH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor,  # noqa: ARG004 - has a gradient
        logits_NV: Tensor,
        labels: SoftLabels,
        forbidden: tuple[int, ...],
    ) -> Tensor:
        log_total_N = _log_totals(logits_NV, forbidden)
        ctx.save_for_backward(features_NH, weight_VH, logits_NV, log_total_N)
        ctx.labels, ctx.forbidden = labels, forbidden
        return log_total_N - labels.algorithm(logits_NV)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        features_NH, weight_VH, logits_NV, log_total_N = ctx.saved_tensors
        # nobody reads the logits afterwards; a second backward would be told so by autograd
        p_NV = logits_NV.sub_(log_total_N[:, None]).exp_()
        gradient_NV = _less_labels(p_NV, ctx.labels, ctx.forbidden, gradients[0])
        return gradient_NV @ weight_VH, gradient_NV.T @ features_NH, gradient_NV.sum(0), None, None, None


def _log_totals(logits_NV: Tensor, forbidden: tuple[int, ...]) -> Tensor:
    """Over what is allowed: lse + log(1 − Σ_forbidden exp(l − lse)), without a second pass over the vocabulary."""
    log_total_N = logits_NV.logsumexp(-1)
    if not forbidden:
        return log_total_N
    share_N = (logits_NV[:, list(forbidden)] - log_total_N[:, None]).exp().sum(1)
    return log_total_N + torch.log1p(-share_N.clamp(max=1.0 - 1e-6))


def _less_labels(p_NV: Tensor, labels: SoftLabels, forbidden: tuple[int, ...], gradient_N: Tensor) -> Tensor:
    """(softmax − q) · gradient, in the given tensor's memory."""
    if forbidden:
        p_NV[:, list(forbidden)] = 0.0
    return labels.taken_from(p_NV).mul_(gradient_N[:, None])


def minimum_risk_loss(
    log_p_BK: Float[Tensor, "B K"],
    reward_BK: Float[Tensor, "B K"],
    distinct_BK: Bool[Tensor, "B K"],
    sharpness: float,
) -> Float[Tensor, ""]:
    """Minus the expected reward among the draws (Shen et al. 2016, equation 11).

    Args:
        log_p_BK: log p_θ of each draw, with gradient.
        reward_BK: R of each.
        distinct_BK: False on a draw that repeats one before it: the draws are a set.
        sharpness: a.
    """
    share_BK = (sharpness * log_p_BK).masked_fill(~distinct_BK, -torch.inf).softmax(1)
    return -(share_BK * reward_BK).sum(1).mean()


def target_policy_loss(log_p_BK: Float[Tensor, "B K"], target_BK: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Cross-entropy of the draws' own softmax to a target among them; its gradient by log p is p̂ − q.

    Args:
        log_p_BK: log p_θ of each draw, with gradient.
        target_BK: q, without gradient.
    """
    return torch.nn.functional.cross_entropy(log_p_BK, target_BK)


def first_of_its_kind(tokens_BKT: Int[Tensor, "B K T"]) -> Bool[Tensor, "B K"]:
    """False on a target that its source has drawn before."""
    same_BKK = (tokens_BKT[:, :, None] == tokens_BKT[:, None, :]).all(-1)
    return ~same_BKK.tril(-1).any(2)
