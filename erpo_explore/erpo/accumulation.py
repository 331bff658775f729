"""Gradients of one batch in parts, which need the memory of one part.

Legend: B sources, S source length, K draws per source, R = B · K rows.

    ∇L = Σ_i U_i ∇L_i / Σ_i U_i        L_i the loss of part i, a mean over U_i units

All targets are drawn first, for the whole batch and without gradient, so that the draws do not depend on the parts.
Each part then encodes its sources again. So the gradient is that of the whole batch up to rounding, except for dropout:
each pass has masks of its own, and targets are drawn under other masks than those they are trained under.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from erpo_explore.erpo.candidates import Candidates
from erpo_explore.erpo.draw import Draw, from_reference
from erpo_explore.erpo.estimators import GradientEstimator, load_estimator
from erpo_explore.erpo.m_step import StepLoss, known_mean, reference_loss
from erpo_explore.erpo.objective import draws_nothing, encoded_step, longest_draw
from erpo_explore.erpo.reward_statistics import RewardStatistics
from erpo_explore.erpo.step import Step
from erpo_explore.errors import ConfigError
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Point

__all__ = ["accumulate", "check_divisible"]


def accumulate(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    source_BS: Int[Tensor, "B S"],
    source_keep_BS: Bool[Tensor, "B S"],
    reference: Reference,
    generator: torch.Generator,
    *,
    part_size: int,
    weight: float = 1.0,
    anchors: Mapping[str, Seq2Seq] = MappingProxyType({}),
    candidates: Candidates | None = None,
) -> StepLoss:
    """Add the gradients of one batch to those of the parameters, and return its loss, without gradient.

    Args:
        point: The point to train at.
        reward: The point's reward, bound to the task.
        model: p_θ.
        source_BS: x with EOS, then padding.
        source_keep_BS: True on x and its EOS.
        reference: y*, each with at least one token.
        generator: Source of every random draw.
        part_size: Sources per part.
        weight: Weight of the batch's gradients beside those that the parameters have already.
        anchors: As for `step_loss`.
        candidates: As for `step_loss`.

    Raises:
        ConfigError: As for `step_loss`, or the point compares the sources of a batch with each other.
        ValueError: As for `step_loss`.
        FloatingPointError: The loss of a part, or the model's probabilities, are not finite numbers.
    """
    check_divisible(point)
    max_tokens = longest_draw(reference)
    num_draws = 1 if draws_nothing(point) else point.estimator.draws_per_source

    def step(row_B: Int[Tensor, " B"]) -> Step:
        # as wide as the batch: a model may read the padding
        return encoded_step(
            point,
            reward,
            model,
            source_BS[row_B],
            source_keep_BS[row_B],
            reference.take(row_B),
            generator,
            max_tokens=max_tokens,
            anchors=anchors,
            candidates=None if candidates is None else candidates.take(row_B),
        ).repeated(num_draws)

    earlier = [parameter.grad for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = None
    all_B = torch.arange(len(source_BS), device=source_BS.device)
    with torch.no_grad():
        draw = from_reference(reference) if draws_nothing(point) else _estimator(point).draw(step(all_B))
    parts = [
        _add_gradients(point, step(row_B), draw.take(_draws_of(row_B, num_draws)), len(row_B))
        for row_B in torch.split(all_B, part_size)
    ]
    num_units = sum(part.outcome.num_units for part in parts)
    for parameter, before in zip(model.parameters(), earlier, strict=True):
        if parameter.grad is None:
            parameter.grad = before
        else:
            parameter.grad.div_(num_units / weight)
            if before is not None:
                parameter.grad.add_(before)
    return StepLoss(
        loss=known_mean([(part.outcome.loss, float(part.outcome.num_units)) for part in parts]),
        num_tokens=sum(part.outcome.num_tokens for part in parts),
        num_units=num_units,
        entropy_nats=known_mean([(part.outcome.entropy_nats, part.num_drawn) for part in parts]),
        rewards=RewardStatistics.merged([(part.outcome.rewards, part.num_sources) for part in parts]),
        effective_sample_size=known_mean([(part.outcome.effective_sample_size, part.num_sources) for part in parts]),
        cut_targets=known_mean([(part.outcome.cut_targets, part.num_sources) for part in parts]),
    )


def check_divisible(point: Point) -> None:
    """Raise ConfigError where a step compares the sources of a batch, or keeps its draws for further steps."""
    estimator = point.estimator
    if estimator.reuse > 1:
        raise ConfigError(
            f"training.micro_batch divides a batch, but reuse={estimator.reuse} keeps its draws whole; leave one of "
            "them out"
        )
    if point.is_policy_gradient and estimator.compares_sources:
        raise ConfigError(
            f"training.micro_batch divides a batch, but baseline={estimator.chosen_baseline} with "
            f"scale={estimator.chosen_scale} compares all of its rewards; leave micro_batch out, or take baseline group"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part whose gradients were added.

    Attributes:
        outcome: Its loss, without gradient.
        num_sources: Its sources.
        num_drawn: Its labels that were drawn.
    """

    outcome: StepLoss
    num_sources: float
    num_drawn: float


def _estimator(point: Point) -> GradientEstimator:
    estimator = load_estimator(point.estimator.kind)
    estimator.check(point)
    return estimator


def _draws_of(row_B: Int[Tensor, " B"], num_draws: int) -> Int[Tensor, " R"]:
    """Rows of the draws of each source."""
    draw_K = torch.arange(num_draws, device=row_B.device)
    return (row_B[:, None] * num_draws + draw_K).flatten()


def _add_gradients(point: Point, step: Step, draw: Draw, num_sources: int) -> _Part:
    """Add ∇ Σ_u L_u, the gradient of the sum over the part's units.

    Raises:
        FloatingPointError: The loss is not a finite number.
    """
    outcome = reference_loss(step, draw) if draw.is_reference else _estimator(point).loss(step, draw)
    outcome = outcome.on_host()
    if not outcome.is_finite:
        raise FloatingPointError("non-finite loss")
    (outcome.loss * outcome.num_units).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    drawn_RT = draw.keep_RT if draw.forced_RT is None else draw.keep_RT & ~draw.forced_RT
    return _Part(
        outcome=replace(outcome, loss=outcome.loss.detach()),
        num_sources=float(num_sources),
        num_drawn=float(drawn_RT.sum()),
    )
