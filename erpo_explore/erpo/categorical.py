"""Seeded draws of indices in proportion to weights, and of subsets.

Legend: N rows, S indices per row.

By the inverse of the distribution function: the first index whose cumulative weight exceeds u times the total, u
uniform. This takes one uniform number per row, where torch's multinomial takes one per index. Weights are summed in
double precision, so that small weights in a long row keep their probability.
"""

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["draw_indices", "draw_shared_indices", "draw_subset", "draw_uniform", "first_above"]

_BLOCK: Final = 64


def draw_indices(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """One index per row, with probability in proportion to its weight; never one with weight 0."""
    if weight_NS.shape[1] <= 8 * _BLOCK:
        return _index_by_cumulative_sum(weight_NS, generator)
    return _index_by_blocks(weight_NS, generator)


def _index_by_cumulative_sum(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    cumulative_NS = weight_NS.cumsum(-1, dtype=torch.float64)
    return first_above(cumulative_NS, draw_uniform(len(weight_NS), generator))


def _index_by_blocks(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """First a block of indices, then an index within it: sums over a vocabulary are fast, cumulative sums are not."""
    S = weight_NS.shape[1]
    num_whole = S // _BLOCK
    whole_NX = weight_NS[:, : num_whole * _BLOCK].reshape(-1, num_whole, _BLOCK).sum(-1)
    rest_N1 = weight_NS[:, num_whole * _BLOCK :].sum(-1, keepdim=True)
    block_weight_NX = torch.cat([whole_NX, rest_N1], dim=1)
    first_N1 = _index_by_cumulative_sum(block_weight_NX, generator)[:, None] * _BLOCK
    index_NY = first_N1 + torch.arange(_BLOCK, device=weight_NS.device)
    weight_NY = weight_NS.gather(1, index_NY.clamp(max=S - 1)).masked_fill(index_NY >= S, 0.0)
    return first_N1[:, 0] + _index_by_cumulative_sum(weight_NY, generator)


def draw_shared_indices(weight_S: Float[Tensor, " S"], num_draws: int, generator: torch.Generator) -> Int[Tensor, " N"]:
    """Many indices from one row of weights."""
    return first_above(weight_S.cumsum(0, dtype=torch.float64), draw_uniform(num_draws, generator))


def draw_subset(
    from_NS: Bool[Tensor, "N S"], number_N: Int[Tensor, " N"], generator: torch.Generator
) -> Bool[Tensor, "N S"]:
    """A uniformly drawn subset of the True entries of each row.

    Args:
        from_NS: True on the entries to choose from.
        number_N: Size of each row's subset.
        generator: Source of every random draw.
    """
    key_NS = torch.rand(from_NS.shape, generator=generator, device=from_NS.device, dtype=torch.float64)
    rank_NS = key_NS.masked_fill(~from_NS, 2.0).argsort(1).argsort(1)
    return rank_NS < number_N[:, None]


def draw_uniform(num_draws: int, generator: torch.Generator) -> Float[Tensor, " N"]:
    """Uniform numbers in [0, 1), in double precision."""
    return torch.rand(num_draws, generator=generator, device=generator.device, dtype=torch.float64)


def first_above(
    cumulative_NS: Float[Tensor, "N S"] | Float[Tensor, " S"], uniform_N: Float[Tensor, " N"]
) -> Int[Tensor, " N"]:
    """The first index whose cumulative weight exceeds uniform × total.

    Args:
        cumulative_NS: Cumulative weights, one row per draw or one row for all draws.
        uniform_N: Numbers in [0, 1).
    """
    total = cumulative_NS[..., -1]
    # kept below the total even after rounding; else an index of weight 0 at the row's end could be found
    level_N = torch.minimum(uniform_N * total, total.nextafter(torch.zeros_like(total)))
    if cumulative_NS.dim() == 1:
        return torch.searchsorted(cumulative_NS, level_N, right=True)
    return torch.searchsorted(cumulative_NS, level_N[:, None], right=True)[:, 0]
