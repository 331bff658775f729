"""Minimum risk training: the expected reward among K draws from the model (Shen et al. 2016).

Legend: B sources, K draws per source, T target length.

    L = −1/B Σ_b Σ_k Q_k R_k        Q_k ∝ p_θ(y_k)^a among the distinct draws
"""

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.m_step import StepLoss, model_draw_losses, row_sums, step_result
from erpo_explore.erpo.step import Step

__all__ = ["MINIMUM_RISK", "first_occurrences", "minimum_risk_loss"]


class MinimumRiskEstimator(GradientEstimator):
    """The expected reward under p_θ^a, renormalised among the draws."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_targets(step, from_model=True)

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        losses = model_draw_losses(step, draw)
        reward_R = step.scores(draw)
        reward_BK = step.grouped(reward_R)
        log_p_BK = -step.grouped(row_sums(losses.losses_N, draw.keep_RT))
        distinct_BK = first_occurrences(draw.labels_RT.view(-1, step.num_draws, draw.labels_RT.shape[1]))
        return step_result(
            draw,
            losses,
            minimum_risk_loss(log_p_BK, reward_BK, distinct_BK, step.point.estimator.sharpness),
            num_units=float(len(reward_BK)),
            rewards=step.reward_statistics(reward_R),
        )


MINIMUM_RISK: Final = MinimumRiskEstimator()


def minimum_risk_loss(
    log_p_BK: Float[Tensor, "B K"],
    reward_BK: Float[Tensor, "B K"],
    distinct_BK: Bool[Tensor, "B K"],
    sharpness: float,
) -> Float[Tensor, ""]:
    """Minus the expected reward among the draws (Shen et al. 2016, equation 11).

    Args:
        log_p_BK: log p_θ of each draw, with gradient.
        reward_BK: R of each draw.
        distinct_BK: False on a draw that repeats an earlier one, since the draws form a set.
        sharpness: a.
    """
    share_BK = (sharpness * log_p_BK).masked_fill(~distinct_BK, -torch.inf).softmax(1)
    return -(share_BK * reward_BK).sum(1).mean()


def first_occurrences(tokens_BKT: Int[Tensor, "B K T"]) -> Bool[Tensor, "B K"]:
    """True on the first of equal targets of a source, False on its repetitions."""
    same_BKK = (tokens_BKT[:, :, None] == tokens_BKT[:, None, :]).all(-1)
    return ~same_BKK.tril(-1).any(2)
