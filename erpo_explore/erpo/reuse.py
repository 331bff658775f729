"""Draws that are trained on for several steps: PPO's clipped surrogate (Schulman et al. 2017).

Legend: N kept labels, R = B · K rows, T target length.

    r_n = p_θ(y_n | y_<n, x) / p_old(y_n | y_<n, x)
    L   = −Σ_n min(r_n A_n, clip(r_n, 1 − ε, 1 + ε) A_n) / N

p_old is the model of the first step of a set, and A_n the weights of that step. There r = 1, and the gradient is that
of `policy_gradient`, whose loss the first step takes as it is. Forced labels keep their cross-entropy, and a penalty
its divergence at the present p_θ.

The later steps train under the dropout masks of the first one. So r_n differs from 1 by what was learned alone.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.kept_draws import KeptDraws, with_dropout_state
from erpo_explore.erpo.m_step import StepLoss, anchor_divergences, model_draw_losses, normalised, step_result
from erpo_explore.erpo.objective import encoded_step, longest_draw
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Point

__all__ = ["clipped_losses", "reused_loss"]


def clipped_losses(log_ratio_N: Float[Tensor, " N"], weight_N: Float[Tensor, " N"], clip: float) -> Float[Tensor, " N"]:
    """−min(r A, clip(r, 1 − ε, 1 + ε) A).

    Args:
        log_ratio_N: log r, with gradient.
        weight_N: A.
        clip: ε.
    """
    ratio_N = log_ratio_N.exp()
    return -torch.minimum(ratio_N * weight_N, ratio_N.clamp(1.0 - clip, 1.0 + clip) * weight_N)


def reused_loss(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    source_BS: Int[Tensor, "B S"],
    source_keep_BS: Bool[Tensor, "B S"],
    reference: Reference,
    generator: torch.Generator,
    kept: KeptDraws,
    anchors: Mapping[str, Seq2Seq] = MappingProxyType({}),
) -> StepLoss:
    """The loss of one more step on kept draws; nothing is drawn, and nothing is scored.

    Args:
        point: The point of the first step.
        reward: Its reward, bound to the task.
        model: p_θ.
        source_BS: The sources of the first step.
        source_keep_BS: True on x and its EOS.
        reference: Their references.
        generator: As for `step_loss`; it is not drawn from.
        kept: What the first step kept.
        anchors: As for `step_loss`.
    """
    with with_dropout_state(model, kept.encoder_masks):
        step = encoded_step(
            point,
            reward,
            model,
            source_BS,
            source_keep_BS,
            reference,
            generator,
            max_tokens=longest_draw(reference),
            anchors=anchors,
        )
        step = step.repeated(point.estimator.draws_per_source).settled()
    with with_dropout_state(model, kept.decoder_masks):
        losses = model_draw_losses(step, kept.draw)
    surrogate_N = clipped_losses(kept.losses_N - losses.losses_N, kept.weight_N, point.estimator.chosen_clip)
    if kept.draw.forced_RT is not None:
        surrogate_N = torch.where(kept.draw.kept(kept.draw.forced_RT), losses.losses_N, surrogate_N)
    divergence_N = anchor_divergences(step, kept.draw, losses)
    if divergence_N is not None:
        surrogate_N = surrogate_N + divergence_N
    loss, num_units = normalised(surrogate_N, kept.draw, point.estimator.normalise)
    return step_result(kept.draw, losses, loss, num_units=num_units / step.num_draws)
