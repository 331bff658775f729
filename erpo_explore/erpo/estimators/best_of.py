"""The best of n draws from the model: a reward of ranks, at α = 1 and β = 0.

Legend: B sources, K draws per source, n ≤ K.

    F(r) = P(R ≤ r),  G(r) = P(R < r)                  under p_θ
    R'   = log 1/n Σ_{j<n} F(R)^j G(R)^(n−1−j)         (n − 1) log F(R) where no two targets have equal rewards
    q    ∝ p_θ exp(R')                                 the best of n draws, equal ones chosen among at random

    w_k  = (C(A_k, n) − C(L_k, n)) / (E_k C(K, n))     A_k draws at most as good as y_k, L_k worse ones, E_k = A_k − L_k
    L    = Σ_n w_n L_n / Σ_n w_n                       L_n = −log p_θ(y_n), w_n the weight of its target

w_k is the share of the sets of n among the K draws whose best is y_k, where equal ones share. So Σ_k w_k = 1, and
E Σ_k w_k f(y_k) = E_q f at every K ≥ n: the estimate has no bias. At n = K only the best draws have a weight.
"""

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.estimators.sequence import weighted_loss
from erpo_explore.erpo.m_step import StepLoss, drawn_label_losses
from erpo_explore.erpo.step import Step

__all__ = ["BEST_OF", "best_of_weights"]


class BestOfEstimator(GradientEstimator):
    """Cross-entropy on K draws, weighted by how often each is the best of n."""

    @override
    def draw(self, step: Step) -> Draw:
        return sample_targets(step, from_model=True)

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        reward_R = step.scores(draw)
        weight_BK = best_of_weights(step.grouped(reward_R), step.point.estimator.chosen_best_of)
        return weighted_loss(step, draw, drawn_label_losses(step, draw), weight_BK, reward_R)


BEST_OF: Final = BestOfEstimator()


def best_of_weights(reward_BK: Float[Tensor, "B K"], n: int) -> Float[Tensor, "B K"]:
    """The share of the sets of n draws of a source whose best is each draw; equal draws share.

    >>> best_of_weights(torch.tensor([[0.0, 1.0, 1.0, 2.0]]), 2)
    tensor([[0.0000, 0.2500, 0.2500, 0.5000]])

    Args:
        reward_BK: R of each draw.
        n: Size of a set, at most K.
    """
    K = reward_BK.shape[1]
    # equal rewards may differ in their last bit
    rounding_B11 = 1e-6 * reward_BK.abs().amax(1)[:, None, None]
    ahead_BKK = reward_BK[:, :, None] - reward_BK[:, None, :]
    at_most_BK, worse_BK = ((ahead_BKK >= -rounding_B11).sum(2), (ahead_BKK > rounding_B11).sum(2))
    share_K = torch.tensor([math.comb(m, n) / math.comb(K, n) for m in range(K + 1)], device=reward_BK.device)
    return (share_K[at_most_BK] - share_K[worse_BK]) / (at_most_BK - worse_BK)
