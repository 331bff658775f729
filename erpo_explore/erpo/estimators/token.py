"""One draw at a time, token by token, each with weight 1 (Tan et al. 2018).

Legend: N kept labels, R rows, T target length.

    finite α    L = Σ_n L_n / N                    L_n = −log p_θ(y_n), or the cross-entropy to q̃_n
    α → ∞       policy gradient, see `policy_gradient`
"""

from dataclasses import replace
from typing import Final

import torch
from typing_extensions import override

from erpo_explore.erpo.draw import Draw, shifted
from erpo_explore.erpo.e_step import sample_targets
from erpo_explore.erpo.estimators.base import GradientEstimator
from erpo_explore.erpo.estimators.policy_gradient import policy_gradient_loss
from erpo_explore.erpo.m_step import StepLoss, mean_loss
from erpo_explore.erpo.step import Step
from erpo_explore.rewards import Reference

__all__ = ["TOKEN"]


class TokenEstimator(GradientEstimator):
    """The token-level E-step with unweighted draws."""

    @override
    def draw(self, step: Step) -> Draw:
        point, reference = step.point, step.reference
        if point.prefix == "truth" or point.label == "truth":
            step = replace(step, max_tokens=reference.tokens_BT.shape[1])
        draw = sample_targets(step)
        return _with_reference_labels(draw, reference) if point.label == "truth" else draw

    @override
    def loss(self, step: Step, draw: Draw) -> StepLoss:
        return policy_gradient_loss(step, draw) if step.point.is_policy_gradient else mean_loss(step, draw)


TOKEN: Final = TokenEstimator()


def _with_reference_labels(draw: Draw, reference: Reference) -> Draw:
    """Keep the drawn inputs and replace the labels by the reference's tokens (scheduled sampling).

    After a drawn EOS the inputs are the reference's own.
    """
    T = reference.tokens_BT.shape[1]
    reference_RT = shifted(reference.tokens_BT, reference.symbols)
    missing = T - draw.inputs_RT.shape[1]
    drawn_RT = torch.nn.functional.pad(draw.inputs_RT, (0, missing))
    drawn_keep_RT = torch.nn.functional.pad(draw.keep_RT, (0, missing))
    return Draw(
        inputs_RT=torch.where(drawn_keep_RT, drawn_RT, reference_RT),
        labels_RT=reference.tokens_BT,
        keep_RT=reference.keep_BT,
    )
