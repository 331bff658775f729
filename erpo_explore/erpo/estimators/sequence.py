"""Draws from q̃ weighted as whole targets: the exact E-step as K → ∞.

Legend: N kept labels, B sources, K draws per source, R = B · K rows, T target length.

    w_k = Π_t Z_t(y_k) / Σ_j Π_t Z_t(y_j)          q(y) ∝ q̃(y) · Π_t Z_t(y_<t)
    L   = Σ_n w_n L_n / Σ_n w_n                    L_n = −log p_θ(y_n), w_n the weight of its target

A reward that scores finished targets alone is no part of q̃ and Z_t; then w_k ∝ Π_t Z_t(y_k) · exp(R(y_k) / τ).
"""

from typing import Final

from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import LabelLosses, StepLoss, drawn_label_losses, step_result
from erpo_explore.erpo.step import Step
from erpo_explore.erpo.weights import effective_sample_size, self_normalised

__all__ = ["SEQUENCE", "weighted_loss"]


class SequenceEstimator(GradientEstimator):
    """The sequence-level E-step by self-normalised importance weights."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_targets(step, with_z=True)

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        losses = drawn_label_losses(step, draw)
        log_weight_R, finished_R, reward_R = draw.log_z_R, draw.finished_R, draw.reward_R
        if log_weight_R is None or finished_R is None:
            raise ValueError("targets that are weighted as wholes need log_z_R and finished_R")
        if not step.point.reward.has_increments:
            reward_R = step.scores(draw)
            log_weight_R = log_weight_R + reward_R / step.point.tau
        weight_BK = self_normalised(step.grouped(log_weight_R), step.grouped(finished_R))
        return weighted_loss(step, draw, losses, weight_BK, reward_R)


SEQUENCE: Final = SequenceEstimator()


def weighted_loss(
    step: Step, draw: Draw, losses: LabelLosses, weight_BK: Float[Tensor, "B K"], reward_R: Tensor | None
) -> StepLoss:
    """The mean label loss, each label with the weight of its target.

    Args:
        step: The step.
        draw: K targets per source.
        losses: Their label losses.
        weight_BK: Weights of the targets, which sum to 1 per source.
        reward_R: Their rewards, where known.
    """
    weight_N = draw.kept(weight_BK.reshape(-1, 1).expand(draw.keep_RT.shape))
    total = weight_N.sum()
    return step_result(
        draw,
        losses,
        (weight_N * losses.losses_N).sum() / total,
        num_units=total,
        rewards=step.reward_statistics(reward_R, weight_BK),
        effective_sample_size=effective_sample_size(weight_BK).mean(),
    )
