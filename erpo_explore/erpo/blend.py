"""One training step at a blend of points: each source of the batch is trained at one of them.

Legend: B sources, n_i sources at the i-th point.

    L = Σ_i (n_i / B) L_i        Σ_i n_i = B,   E[n_i] = w_i B

L_i is the loss of the i-th point on its sources, normalised as it is alone. Which sources these are is drawn per step,
so that the mean over steps is Σ_i w_i L_i. A step costs what its sources cost at their points.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.erpo.m_step import StepLoss, known_mean
from erpo_explore.erpo.reward_statistics import RewardStatistics
from erpo_explore.space import Point

__all__ = ["assign_sources", "merge_outcomes"]


def assign_sources(point: Point, num_sources: int, generator: torch.Generator) -> list[tuple[Point, Int[Tensor, " n"]]]:
    """Divide the sources of a batch among the points of a blend.

    The numbers of sources differ from the shares by less than one source, and equal them in expectation.

    Args:
        point: A blend; a point that is none gets all sources, and nothing is drawn.
        num_sources: B.
        generator: Draws the numbers, and which sources they are.

    Returns:
        Each point that has sources, with their indices in rising order.
    """
    device = generator.device
    if not point.blend:
        return [(point, torch.arange(num_sources, device=device))]
    offset = float(torch.rand((), generator=generator, device=device))
    order_B = torch.randperm(num_sources, generator=generator, device=device)
    assigned, begin, reached = [], 0, 0.0
    for index, (share, part) in enumerate(point.parts):
        reached += share * num_sources
        is_last = index == len(point.blend)  # rounding must not leave a source out
        end = num_sources if is_last else min(num_sources, int(reached + offset))
        if end > begin:
            assigned.append((part, order_B[begin:end].sort().values))
        begin = end
    return assigned


def merge_outcomes(outcomes: Sequence[tuple[StepLoss, int]]) -> StepLoss:
    """The outcome of a batch from those of its points, each with its number of sources n_i; its loss has no graph."""
    if len(outcomes) == 1:
        return outcomes[0][0]
    num_sources = sum(sources for _, sources in outcomes)
    tokens = [(outcome, float(outcome.num_tokens)) for outcome, _ in outcomes]
    sources = [(outcome, float(number)) for outcome, number in outcomes]
    return StepLoss(
        loss=sum((outcome.loss.detach() * (number / num_sources) for outcome, number in outcomes), torch.zeros(())),
        num_tokens=sum(outcome.num_tokens for outcome, _ in outcomes),
        num_units=sum(outcome.num_units for outcome, _ in outcomes),
        entropy_nats=known_mean([(outcome.entropy_nats, weight) for outcome, weight in tokens]),
        rewards=RewardStatistics.merged([(outcome.rewards, weight) for outcome, weight in sources]),
        effective_sample_size=known_mean([(outcome.effective_sample_size, weight) for outcome, weight in sources]),
        cut_targets=known_mean([(outcome.cut_targets, weight) for outcome, weight in sources]),
    )
