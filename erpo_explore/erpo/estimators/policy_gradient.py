"""The limit α → ∞ of the token estimator: REINFORCE with a baseline.

Legend: N kept labels, B sources, K draws per source, R = B · K rows, T target length.

    L = Σ_n A_n L_n / N        L_n = −log p_θ(y_n),   A = (u − b) / s over K, 1 at forced labels
    u = R − β log p_θ(y)       log p_θ of the labels that are not forced, without gradient

q → p_θ (1 + (u − E u)/α) and E_p[∇ log p_θ] = 0, so α ∇ E_q[log p_θ] → E_p[(u − b) ∇ log p_θ], which is the gradient of
E_p[R] + β H(p_θ): at β > 0, policy gradient with an entropy bonus (Williams & Peng 1991).

An anchor adds −κ KL(p_θ ‖ p_anchor), exact over the next token at each prefix of the draws:

    D_n = KL(p_θ(· | y_<n) ‖ p_anchor(· | y_<n)),   D = Σ_n D_n of a target,   KL = E_p[D]
    L  += κ Σ_n (D_n − (D − d) L_n) / N        D in the second term without gradient, d its mean over the other draws

Its gradient is κ ∇KL whatever the baseline and the scale of the rewards: ∇E_p[D] = E_p[∇D + D ∇log p_θ].
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.kept_draws import KeptDraws, dropout_state
from erpo_explore.erpo.m_step import (
    LabelLosses,
    StepLoss,
    anchor_divergences,
    model_draw_losses,
    normalised,
    row_sums,
    step_result,
)
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.erpo.step import Step
from erpo_explore.erpo.weights import advantages

__all__ = ["policy_gradient_loss"]


def policy_gradient_loss(step: Step, draw: Draw) -> StepLoss:
    """Label losses of the model's own draws, weighted by the advantage of their targets."""
    baseline = step.point.estimator.chosen_baseline
    greedy_B = _greedy_rewards(step) if baseline == "self_critical" else None
    masks = dropout_state(step.model) if step.point.estimator.reuse > 1 else None
    losses = model_draw_losses(step, draw)
    reward_R = step.scores(draw)
    value_R = reward_R + step.point.beta * _surprisal(draw, losses) if step.point.beta > 0.0 else reward_R
    scale = step.point.estimator.chosen_scale
    advantage_R1 = advantages(step.grouped(value_R), baseline, greedy_B, scale).reshape(-1, 1)
    divergence_N = anchor_divergences(step, draw, losses)
    if divergence_N is not None:
        divergence_BK = step.grouped(row_sums(divergence_N.detach(), draw.keep_RT))
        advantage_R1 = advantage_R1 - _less_the_others(divergence_BK).reshape(-1, 1)
    weight_RT = advantage_R1.expand(draw.keep_RT.shape)
    if draw.forced_RT is not None:
        weight_RT = weight_RT.masked_fill(draw.forced_RT, 1.0)
    weight_N = draw.kept(weight_RT)
    weighted_N = weight_N * losses.losses_N
    if divergence_N is not None:
        weighted_N = weighted_N + divergence_N
    loss, num_units = normalised(weighted_N, draw, step.point.estimator.normalise)
    kept = None
    if step.point.estimator.reuse > 1:
        kept = KeptDraws(
            draw=replace(draw, logits=None), weight_N=weight_N, losses_N=losses.losses_N.detach(), decoder_masks=masks
        )
    return step_result(
        draw,
        losses,
        loss,
        num_units=num_units / step.num_draws,
        rewards=step.reward_statistics(reward_R),
        kept=kept,
    )


def _less_the_others(value_BK: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Each draw's value less the mean of the others; the value itself where there are none."""
    return advantages(value_BK, "leave_one_out" if value_BK.shape[1] > 1 else "none")


def _surprisal(draw: Draw, losses: LabelLosses) -> Float[Tensor, " R"]:
    """−log p_θ of each target after its forced labels, without gradient."""
    losses_N = losses.losses_N.detach()
    if draw.forced_RT is not None:
        losses_N = losses_N.masked_fill(draw.kept(draw.forced_RT), 0.0)
    return row_sums(losses_N, draw.keep_RT)


@torch.no_grad()
def _greedy_rewards(step: Step) -> Float[Tensor, " B"]:
    """R of the model's greedy target after the forced tokens (Rennie et al. 2017)."""
    step = step.first_rows()
    proposal = Proposal(point=step.point, reward=step.reward, model=step.model, greedy=True)
    draw = sample(proposal, step.memory, step.reference, max_tokens=step.max_tokens, generator=step.generator)
    return step.scores(draw)
