"""Target policy optimisation (TPO, arXiv 2604.06159): K draws from the model fitted to a target among them.

Legend: B sources, K draws per source.

    q_k = p_k^ρ exp(u_k) / Σ_j p_j^ρ exp(u_j)          u = R / τ, or the standardised R / τ with baseline `group`;
                                                       p_k is the anchor's probability where the point has an anchor
    L   = −1/B Σ_b Σ_k q_k log p̂_k                     p̂_k ∝ p_θ(y_k) among the draws
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import StepLoss, anchor_log_p, model_draw_losses, row_sums, step_result
from erpo_explore.erpo.step import Step
from erpo_explore.erpo.weights import effective_sample_size, standardised

__all__ = ["TARGET_POLICY", "target_policy", "target_policy_loss"]


class TargetPolicyEstimator(GradientEstimator):
    """Cross-entropy of the draws' renormalised p_θ to their tilted q."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_targets(step, from_model=True)

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        point = step.point
        losses = model_draw_losses(step, draw)
        reward_R = step.scores(draw)
        reward_BK = step.grouped(reward_R)
        log_p_BK = -step.grouped(row_sums(losses.losses_N, draw.keep_RT))
        score_BK = standardised(reward_BK) if point.estimator.chosen_baseline == "group" else reward_BK
        anchor_BK = log_p_BK.detach() if point.anchor == "self" else step.grouped(anchor_log_p(step, draw))
        target_BK = target_policy(anchor_BK, score_BK / point.tau, point.rho)
        return step_result(
            draw,
            losses,
            target_policy_loss(log_p_BK, target_BK),
            num_units=float(len(reward_BK)),
            rewards=step.reward_statistics(reward_R),
            effective_sample_size=effective_sample_size(target_BK).mean(),
        )


TARGET_POLICY: Final = TargetPolicyEstimator()


def target_policy(log_p_BK: Float[Tensor, "B K"], score_BK: Float[Tensor, "B K"], rho: float) -> Float[Tensor, "B K"]:
    """q_k ∝ p_k^ρ exp(u_k) among the draws of a source (arXiv 2604.06159 at ρ = 1).

    Args:
        log_p_BK: log p_θ of each draw, or log p_anchor.
        score_BK: u, the scores over their temperature.
        rho: ρ, the trust in the model.
    """
    return (rho * log_p_BK + score_BK).softmax(1)


def target_policy_loss(log_p_BK: Float[Tensor, "B K"], target_BK: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Cross-entropy of the draws' own softmax to a target among them; its gradient by log p is p̂ − q.

    Args:
        log_p_BK: log p_θ of each draw, with gradient.
        target_BK: q, without gradient.
    """
    return torch.nn.functional.cross_entropy(log_p_BK, target_BK)
