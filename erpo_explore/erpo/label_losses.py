"""−log p_θ of labels, with backward passes that write one tensor of the vocabulary's size.

Legend: N kept labels, H features, V vocabulary.

    token labels       L_n = −log p_θ(y_n)
    soft labels        L_n = −Σ_v q̃_n(v) log p_θ(v)
"""

from typing import Any, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.erpo.soft_labels import SoftLabels, TokenLabels
from erpo_explore.seq2seq.ended_rows import masks_ended_rows
from erpo_explore.symbols import runs_of

__all__ = [
    "allowed_probabilities",
    "cross_entropy",
    "label_losses",
    "projected_label_losses",
    "soft_label_losses",
]

_AT_ONCE: Final = 2**21
"""Logits whose normalisers are computed at once on one thread. The memory of more is mapped anew at each call."""


def cross_entropy(logits_NV: Float[Tensor, "N V"], labels_N: Int[Tensor, " N"]) -> Float[Tensor, ""]:
    """Mean −log p_θ of the labels, in nats; equals torch's own cross-entropy bit for bit.

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
        logits_NV: The model's logits at the kept labels.
        labels_N: The labels.
        forbidden: Tokens that p_θ leaves out. Draws from the model never hold them, so their p_θ is normalised over
            the other tokens. Default: none, p_θ over the whole vocabulary.
    """
    return _Losses.apply(logits_NV.float(), TokenLabels(token_X=labels_N), forbidden)  # type: ignore[no-any-return, no-untyped-call]


def allowed_probabilities(
    losses_N: Float[Tensor, " N"],
    logits_NV: Float[Tensor, "N V"],
    labels_N: Int[Tensor, " N"],
    forbidden: tuple[int, ...],
) -> Float[Tensor, " N"]:
    """p_θ of each label, normalised over the tokens that a target may hold, from −log p_θ over the vocabulary.

    Args:
        losses_N: `label_losses` over the whole vocabulary.
        logits_NV: The model's logits at the kept labels.
        labels_N: Labels that may be drawn.
        forbidden: Tokens that a target never holds.
    """
    log_total_N = losses_N + logits_NV.gather(1, labels_N[:, None])[:, 0].float()
    share_N = (_columns(logits_NV, forbidden).float() - log_total_N[:, None]).exp().sum(1)
    return (-losses_N).exp() / (1.0 - share_N.clamp(max=1.0 - 1e-6))


def soft_label_losses(logits_NV: Float[Tensor, "N V"], labels: SoftLabels) -> Float[Tensor, " N"]:
    """−Σ_v q(v) log p_θ(v) = log Σ_v exp(l(v)) − Σ_v q(v) l(v) of each label, in nats; q sums to 1.

    Args:
        logits_NV: The model's logits at the kept labels.
        labels: q̃ at the same positions.
    """
    return _Losses.apply(logits_NV.float(), labels, ())  # type: ignore[no-any-return, no-untyped-call]


def projected_label_losses(
    features_NH: Float[Tensor, "N H"],
    output_layer: tuple[Float[Tensor, "V H"], Float[Tensor, " V"]],
    logits_NV: Float[Tensor, "N V"],
    labels_N: Int[Tensor, " N"],
    forbidden: tuple[int, ...] = (),
) -> Float[Tensor, " N"]:
    """−log p_θ of each label from known logits, with the gradient through the features.

    The projection onto the vocabulary takes a third of a step. A sampler that has computed it passes it on here.

    Args:
        features_NH: Inputs of the projection, with gradient.
        output_layer: Its weight and bias.
        logits_NV: features · weight + bias, without gradient; the backward pass overwrites them.
        labels_N: The labels.
        forbidden: As for `label_losses`.
    """
    labels = TokenLabels(token_X=labels_N)
    return _ProjectedLosses.apply(features_NH, *output_layer, logits_NV, labels, forbidden)  # type: ignore[no-any-return, no-untyped-call]


class _Losses(torch.autograd.Function):
    """Label losses whose backward computes softmax(l) − q in one tensor; autograd would allocate one per term."""

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, labels: SoftLabels, forbidden: tuple[int, ...]) -> Tensor:
        log_total_N = _log_totals(logits_NV, forbidden)
        ctx.save_for_backward(logits_NV, log_total_N)
        ctx.labels, ctx.forbidden = labels, forbidden
        return log_total_N - labels.expectation(logits_NV)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        logits_NV, log_total_N = ctx.saved_tensors
        p_NV = (logits_NV - log_total_N[:, None]).exp_()
        return _less_labels(p_NV, ctx.labels, ctx.forbidden, gradients[0]), None, None


class _ProjectedLosses(torch.autograd.Function):
    """The same losses, with the backward of the projection included."""

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
        return log_total_N - labels.expectation(logits_NV)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        features_NH, weight_VH, logits_NV, log_total_N = ctx.saved_tensors
        # the logits are not read again; autograd raises an error at a second backward
        p_NV = logits_NV.sub_(log_total_N[:, None]).exp_()
        gradient_NV = _less_labels(p_NV, ctx.labels, ctx.forbidden, gradients[0])
        return gradient_NV @ weight_VH, gradient_NV.T @ features_NH, gradient_NV.sum(0), None, None, None


def _log_totals(logits_NV: Tensor, forbidden: tuple[int, ...]) -> Tensor:
    """Log Σ exp(l) over the allowed tokens in one pass over V: lse + log(1 − Σ_forbidden exp(l − lse))."""
    log_total_N = _log_sums(logits_NV)
    if not forbidden:
        return log_total_N
    share_N = (_columns(logits_NV, forbidden) - log_total_N[:, None]).exp().sum(1)
    return log_total_N + torch.log1p(-share_N.clamp(max=1.0 - 1e-6))


def _log_sums(logits_NV: Tensor) -> Tensor:
    """Log Σ exp(l) of each row; the same bits in parts as at once."""
    num_rows = max(1, _AT_ONCE // logits_NV.shape[1])
    # several threads would wait for each other at every part, and a GPU at every kernel
    if len(logits_NV) <= num_rows or masks_ended_rows(logits_NV.device) or torch.get_num_threads() > 1:
        return logits_NV.logsumexp(-1)
    return torch.cat([part.logsumexp(-1) for part in torch.split(logits_NV, num_rows)])


def _columns(values_NV: Tensor, tokens: tuple[int, ...]) -> Tensor:
    """The values of some tokens, without a tensor of indices, which the host would send to the device."""
    return torch.cat([values_NV[:, first:end] for first, end in runs_of(tokens)], dim=1)


def _less_labels(p_NV: Tensor, labels: SoftLabels, forbidden: tuple[int, ...], gradient_N: Tensor) -> Tensor:
    """(softmax − q) · gradient, in the memory of the given tensor."""
    if forbidden:
        for first, end in runs_of(forbidden):
            p_NV[:, first:end] = 0.0
    return labels.subtracted_from(p_NV).mul_(gradient_N[:, None])
