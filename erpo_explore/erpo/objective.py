"""One training step's loss at a point: encode, draw targets, compute the loss.

Legend: B sources, S source length, T target length.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from erpo_explore.erpo.candidates import Candidates
from erpo_explore.erpo.draw import Draw, from_reference
from erpo_explore.erpo.estimators import load_estimator
from erpo_explore.erpo.kept_draws import dropout_state
from erpo_explore.erpo.m_step import StepLoss, reference_loss
from erpo_explore.erpo.step import Step
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.seq2seq.ended_rows import masks_ended_rows
from erpo_explore.space import Point

__all__ = ["draw_targets", "draws_nothing", "encoded_step", "longest_draw", "step_loss"]

_EMPTY: Final = "every target must keep at least one token, its EOS; got an empty one"

_LENGTH_SLACK: Final = 5
"""Tokens by which a drawn target may exceed the longest reference of its batch."""


def step_loss(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    source_BS: Int[Tensor, "B S"],
    source_keep_BS: Bool[Tensor, "B S"],
    reference: Reference,
    generator: torch.Generator,
    anchors: Mapping[str, Seq2Seq] = MappingProxyType({}),
    candidates: Candidates | None = None,
) -> StepLoss:
    """The loss of one batch at one point.

    Targets are sampled from the model in its current mode and from the encoding that the loss uses, so that a step
    encodes once.

    Args:
        point: The point to train at.
        reward: The point's reward, bound to the task.
        model: p_θ.
        source_BS: x with EOS, then padding.
        source_keep_BS: True on x and its EOS.
        reference: y*, each with at least one token.
        generator: Source of every random draw.
        anchors: The models in evaluation mode that points read by `anchor`, by its value.
        candidates: The candidates of the sources, where the point draws from them.

    Raises:
        ConfigError: The point's estimator is not found, or does not admit the point.
        ValueError: The point's anchor is missing, a target is empty, or reward and model forbid every token after some
            prefix.
        FloatingPointError: The model's probabilities are not finite numbers.
    """
    is_empty = ~reference.keep_BT.any(1).all()
    if not masks_ended_rows(is_empty.device) and bool(is_empty):
        raise ValueError(_EMPTY)
    masks = dropout_state(model) if point.estimator.reuse > 1 else None
    step = encoded_step(
        point,
        reward,
        model,
        source_BS,
        source_keep_BS,
        reference,
        generator,
        max_tokens=longest_draw(reference),
        anchors=anchors,
        candidates=candidates,
    )
    # where the host must not wait for the device, it looks once, at the end
    outcome = _outcome(step, point).on_host(*([(is_empty, _EMPTY)] if masks_ended_rows(is_empty.device) else []))
    return outcome if outcome.kept is None else replace(outcome, kept=replace(outcome.kept, encoder_masks=masks))


def _outcome(step: Step, point: Point) -> StepLoss:
    if draws_nothing(point):
        return reference_loss(step, from_reference(step.reference))
    estimator = load_estimator(point.estimator.kind)
    estimator.check(point)
    step = step.repeated(point.estimator.draws_per_source)
    if estimator.reads_model(point):
        step = step.settled()
    draw = estimator.draw(step)
    if draw.is_reference:
        return reference_loss(step, draw)
    return estimator.loss(step, draw)


def draw_targets(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    memory: Memory,
    reference: Reference,
    *,
    max_tokens: int,
    generator: torch.Generator,
) -> Draw:
    """The E-step alone: one target per row.

    Args:
        point: The point to draw at.
        reward: The point's reward, bound to the task.
        model: p_θ; evaluated without gradient, in its current mode.
        memory: The encoded sources, one row per target.
        reference: y*, one row per target.
        max_tokens: Maximum length of a target that is drawn token by token, at least that of the references. A longer
            target is cut and gets no EOS.
        generator: Source of every random draw.

    Raises:
        ConfigError: The point's estimator is not found.
        ValueError: Reward and model forbid every token after some prefix.
        FloatingPointError: The model's probabilities are not finite numbers.
    """
    if draws_nothing(point):
        return from_reference(reference)
    step = Step(
        point=point,
        reward=reward,
        model=model,
        memory=memory,
        reference=reference,
        max_tokens=max_tokens,
        generator=generator,
    )
    return load_estimator(point.estimator.kind).draw(step)


def encoded_step(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    source_BS: Int[Tensor, "B S"],
    source_keep_BS: Bool[Tensor, "B S"],
    reference: Reference,
    generator: torch.Generator,
    *,
    max_tokens: int,
    anchors: Mapping[str, Seq2Seq],
    candidates: Candidates | None = None,
) -> Step:
    """One target per source at a point, with the sources as the model and the point's anchor encode them.

    Args:
        point: As for `step_loss`, like all that is not named here.
        reward: R.
        model: p_θ.
        source_BS: x.
        source_keep_BS: True on x.
        reference: y*.
        generator: Source of every random draw.
        max_tokens: Length at which a drawn target is cut.
        anchors: The anchors.
        candidates: The candidates.

    Raises:
        ValueError: The point's anchor is missing.
    """
    step = Step(
        point=point,
        reward=reward,
        model=model,
        memory=model.encode(source_BS, source_keep_BS),
        reference=reference,
        max_tokens=max_tokens,
        generator=generator,
        candidates=candidates,
    )
    if point.anchor == "self" or draws_nothing(point) or point.estimator.rules.needs_frozen:
        return step
    if point.anchor not in anchors:
        raise ValueError(f"the anchor {point.anchor} is missing, which the point reads: {point}")
    anchor = anchors[point.anchor]
    with torch.no_grad():
        return replace(step, anchor=anchor, anchor_memory=anchor.encode(source_BS, source_keep_BS))


def longest_draw(reference: Reference) -> int:
    """Length at which a target is cut that is drawn beside these references."""
    return reference.tokens_BT.shape[1] + _LENGTH_SLACK


def draws_nothing(point: Point) -> bool:
    """Whether every target is the reference: R_δ, or all of it forced."""
    return point.reward.is_truth or point.forced == 1.0
