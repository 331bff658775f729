"""Weights of a source's K draws in the M-step.

Legend: B sources, K draws per source.

    sequence        w_k = Π_t Z_t(y_k) / Σ_j Π_t Z_t(y_j):  E_q[f] ≈ Σ_k w_k f(y_k), exact as K → ∞
    α → ∞           w_k = R_k − b_k  (over K)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from erpo_explore.space.estimator import Baseline

__all__ = ["advantages", "are_equal", "effective_sample_size", "self_normalised", "standardised"]


def self_normalised(log_weight_BK: Float[Tensor, "B K"], finished_BK: Bool[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Importance weights that sum to 1 per source, computed in log space.

    Args:
        log_weight_BK: log of q / q̃, up to a constant per source.
        finished_BK: True where a target has its EOS. A target that was cut gets weight only where its source has no
            finished one.
    """
    counts_BK = finished_BK | ~finished_BK.any(1, keepdim=True)
    return log_weight_BK.masked_fill(~counts_BK, -torch.inf).softmax(1)


def effective_sample_size(weight_BK: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """(Σ w)² / Σ w², between 1 and K (Kong 1992)."""
    return weight_BK.sum(1).square() / weight_BK.square().sum(1)


def advantages(
    reward_BK: Float[Tensor, "B K"], baseline: Baseline, greedy_B: Float[Tensor, " B"] | None = None
) -> Float[Tensor, "B K"]:
    """R − b, without gradient; for `group`, also divided by the standard deviation.

    Args:
        reward_BK: R of each draw.
        baseline: `none` 0; `self_critical` R of the greedy target; `leave_one_out` the mean over the other draws;
            `group` the mean over the draws, with division by their standard deviation (K in its denominator).
        greedy_B: R of the greedy target; required for `self_critical`.

    Raises:
        ValueError: K = 1 where a baseline needs two draws, or the greedy target's reward is missing.
    """
    K = reward_BK.shape[1]
    if baseline in ("leave_one_out", "group") and K < 2:
        raise ValueError(f"baseline {baseline} needs at least 2 draws per source, got {K}")
    match baseline:
        case "none":
            return reward_BK
        case "self_critical":
            if greedy_B is None:
                raise ValueError("baseline self_critical needs the greedy target's reward")
            return reward_BK - greedy_B[:, None]
        case "leave_one_out":
            return (reward_BK - reward_BK.mean(1, keepdim=True)) * (K / (K - 1))
        case "group":
            return standardised(reward_BK)


def standardised(reward_BK: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """(R − mean) / standard deviation within each source; 0 where all draws have the same reward."""
    gap_BK, deviation_B1 = _gaps(reward_BK)
    standardised_BK = gap_BK / deviation_B1.clamp(min=torch.finfo(gap_BK.dtype).tiny)
    # equal rewards may differ in their last bit; standardising must not turn that into ± 1
    return torch.where(are_equal(reward_BK)[:, None], 0.0, standardised_BK)


def are_equal(reward_BK: Float[Tensor, "B K"]) -> Bool[Tensor, " B"]:
    """Whether all draws of a source have the same reward, up to rounding."""
    _, deviation_B1 = _gaps(reward_BK)
    return deviation_B1[:, 0] <= 1e-6 * reward_BK.abs().amax(1)


def _gaps(reward_BK: Float[Tensor, "B K"]) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B 1"]]:
    """R − mean, and the standard deviation within each source."""
    gap_BK = reward_BK - reward_BK.mean(1, keepdim=True)
    return gap_BK, gap_BK.square().mean(1, keepdim=True).sqrt()
