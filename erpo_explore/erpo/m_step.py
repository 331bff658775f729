"""The M-step: the loss whose gradient moves p_θ toward what the E-step drew.

Legend: B batch, T target length, V vocabulary, N kept labels.

    sampled, truth:  L = −1/N Σ log p_θ(y_t | y_<t, x)
    expected:        L = −1/N Σ_t Σ_v q̃(v | y_<t) log p_θ(v | y_<t, x)
    α → ∞:           L = −1/N Σ (R(y) − b) log p_θ(y_t | y_<t, x)

The last is REINFORCE: q → p_θ (1 + (R − E R)/α), and E_p[∇ log p_θ] = 0, so α ∇ E_q[log p_θ] → E_p[(R − b) ∇ log p_θ].
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from erpo_explore.erpo.e_step import Draw

__all__ = ["cross_entropy", "policy_gradient_loss"]


def cross_entropy(logits_BTV: Float[Tensor, "B T V"], draw: Draw) -> Float[Tensor, ""]:
    """Mean loss a label, in nats; for `draw` = the reference it is torch's own cross-entropy, bit for bit.

    Args:
        logits_BTV: Of the model after each of the draw's inputs.
        draw: What to say there.
    """
    kept_NV = logits_BTV[draw.keep_BT]
    if draw.log_q_BTV is not None:
        # torch's soft targets are Σ_v q log p, and exp(−∞) = 0 leaves forbidden tokens out
        return torch.nn.functional.cross_entropy(kept_NV, draw.log_q_BTV[draw.keep_BT].exp())
    return torch.nn.functional.cross_entropy(kept_NV, draw.labels_BT[draw.keep_BT])


def policy_gradient_loss(
    logits_BTV: Float[Tensor, "B T V"], draw: Draw, advantage_B: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """REINFORCE with a baseline; its gradient is what counts, its value says nothing.

    Args:
        logits_BTV: Of the model after each of the draw's inputs; −∞ for what it could not have drawn, or the gradient
            is that of another distribution than the draws are from.
        draw: Targets that the model itself drew.
        advantage_B: R(y) − b, without gradient.
    """
    keep_BT: Bool[Tensor, "B T"] = draw.keep_BT
    log_p_BT = torch.log_softmax(logits_BTV, -1).gather(2, draw.labels_BT[..., None])[..., 0]
    weighted_BT = torch.where(keep_BT, advantage_B[:, None] * log_p_BT, 0.0)
    return -weighted_BT.sum() / keep_BT.sum()
