"""Targets drawn from q̃ or p_θ in the cheapest way that is exact for the point.

Legend: R rows (sources times draws), T target length.

    truth and noise        all positions at once      (`noising`)
    everything else        token by token             (`sampling`)

The estimators `stratified` and `ngram` edit the reference instead (`edit_sampler`, `ngram_sampler`).
"""

from dataclasses import replace

import torch

from erpo_explore.erpo.draw import Draw, beside_reference
from erpo_explore.erpo.noising import is_noising, sample_noised
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.sampling import sample
from erpo_explore.erpo.step import Step

__all__ = ["sample_targets"]


def sample_targets(step: Step, *, from_model: bool = False, with_z: bool = False) -> Draw:
    """Draw one target per row; with `with_reference`, the first of each source is the reference.

    Args:
        step: The encoded batch.
        from_model: Draw from p_θ instead of q̃; at α → ∞ they are the same.
        with_z: Whether to record Σ_t log Z_t.

    Raises:
        ValueError: Reward and model forbid every token after some prefix.
        FloatingPointError: The model's probabilities are not finite numbers.
    """
    if not step.point.estimator.with_reference:
        return _sample(step, from_model=from_model, with_z=with_z)
    drawn = _sample(step.without_first(), from_model=from_model, with_z=with_z)
    return beside_reference(drawn, step.first_rows().reference)


def _sample(step: Step, *, from_model: bool, with_z: bool) -> Draw:
    """Draw one target per row."""
    point = step.point
    if point.draws_from_anchor:
        step = step.of_anchor()
    if not from_model and is_noising(point):
        return sample_noised(point, step.reward, step.reference, max_tokens=step.max_tokens, generator=step.generator)
    proposal = Proposal(
        point=point,
        reward=step.reward,
        model=step.model,
        from_model=from_model,
        with_z=with_z,
        with_logits=_has_same_logits(step) and point.forced == 0.0,
    )
    draw = sample(proposal, step.memory, step.reference, max_tokens=step.max_tokens, generator=step.generator)
    if point.draws_from_anchor and draw.model_share > 0.0:
        # the share of q̃ that is the anchor's own distribution was not computed
        draw = replace(draw, q_RT=None, model_share=0.0)
    return draw


def _has_same_logits(step: Step) -> bool:
    """Whether the model computes the same logits when it reads a whole target as while the target was drawn."""
    model = step.model
    if step.point.anchor != "self":  # the logits are the anchor's, or are needed with a gradient
        return False
    same_dropout = step.memory.is_settled or not model.training
    return same_dropout and model.output_layer is not None and not torch.is_autocast_enabled(model.device.type)
