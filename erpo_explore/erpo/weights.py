"""Weights of a source's K draws in the M-step.

Legend: B sources, K draws per source.

    sequence        w_k = Π_t Z_t(y_k) / Σ_j Π_t Z_t(y_j):  E_q[f] ≈ Σ_k w_k f(y_k), exact as K → ∞
    α → ∞           w_k = (R_k − b_k) / s  (over K)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from erpo_explore.space.estimator import Baseline, Scale

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
    reward_BK: Float[Tensor, "B K"],
    baseline: Baseline,
    greedy_B: Float[Tensor, " B"] | None = None,
    scale: Scale = "none",
) -> Float[Tensor, "B K"]:
    """(R − b) / s, without gradient.

    Args:
        reward_BK: R of each draw.
        baseline: `none` 0; `self_critical` R of the greedy target; `leave_one_out` the mean over the other draws of a
            source; `group` the mean over its draws; `batch` the mean over all draws.
        greedy_B: R of the greedy target; required for `self_critical`.
        scale: `none` 1; `group` the standard deviation over the draws of a source (K in its denominator); `batch` that
            over all draws. Where it is 0, all rewards are equal, and so are the baseline and R: the weight is 0.

    Raises:
        ValueError: K = 1 where a baseline or scale needs two draws, or the greedy target's reward is missing.
    """
    K = reward_BK.shape[1]
    if K < 2 and (baseline in ("leave_one_out", "group") or scale == "group"):
        raise ValueError(f"baseline {baseline} with scale {scale} needs at least 2 draws per source, got {K}")
    match baseline:
        case "none":
            gap_BK = reward_BK
        case "self_critical":
            if greedy_B is None:
                raise ValueError("baseline self_critical needs the greedy target's reward")
            gap_BK = reward_BK - greedy_B[:, None]
        case "leave_one_out":
            gap_BK = (reward_BK - reward_BK.mean(1, keepdim=True)) * (K / (K - 1))
        case "group":
            gap_BK = reward_BK - reward_BK.mean(1, keepdim=True)
        case "batch":
            gap_BK = reward_BK - reward_BK.mean()
    match scale:
        case "none":
            return gap_BK
        case "group":
            return _divided(gap_BK, reward_BK)
        case "batch":
            return _divided(gap_BK.view(1, -1), reward_BK.view(1, -1)).view_as(gap_BK)


def standardised(reward_BK: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """(R − mean) / standard deviation within each source; 0 where all draws have the same reward."""
    return _divided(_gaps(reward_BK)[0], reward_BK)


def are_equal(reward_BK: Float[Tensor, "B K"]) -> Bool[Tensor, " B"]:
    """Whether all draws of a source have the same reward, up to rounding."""
    _, deviation_B1 = _gaps(reward_BK)
    return deviation_B1[:, 0] <= 1e-6 * reward_BK.abs().amax(1)


def _divided(gap_BK: Float[Tensor, "B K"], reward_BK: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Differences over the standard deviation within each row; 0 where all rewards of the row are equal."""
    _, deviation_B1 = _gaps(reward_BK)
    divided_BK = gap_BK / deviation_B1.clamp(min=torch.finfo(gap_BK.dtype).tiny)
    # equal rewards may differ in their last bit; standardising must not turn that into ± 1
    return torch.where(are_equal(reward_BK)[:, None], 0.0, divided_BK)


def _gaps(reward_BK: Float[Tensor, "B K"]) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B 1"]]:
    """R − mean, and the standard deviation within each source."""
    gap_BK = reward_BK - reward_BK.mean(1, keepdim=True)
    return gap_BK, gap_BK.square().mean(1, keepdim=True).sqrt()
