"""Draws from distributions that are given as weights.

Legend: N rows, S places.

By the inverse of the distribution function: the first place with a cumulative weight above u times the total, u
uniform. One uniform number a row, where torch's multinomial draws one a place; summed in double precision, so that a
row of many places is drawn from as it is.
"""

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["draw_places", "draw_shared_places", "draw_subset", "draw_uniform", "first_above"]

_BLOCK: Final = 64


def draw_places(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """One place a row, with a probability in proportion to its weight; never one without weight."""
    if weight_NS.shape[1] <= 8 * _BLOCK:
        return _summed_place(weight_NS, generator)
    return _place_in_blocks(weight_NS, generator)


def _summed_place(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    cumulative_NS = weight_NS.cumsum(-1, dtype=torch.float64)
    return first_above(cumulative_NS, draw_uniform(len(weight_NS), generator))


def _place_in_blocks(weight_NS: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """First a block of places, then a place in it: sums of a vocabulary are fast, running sums are not."""
    S = weight_NS.shape[1]
    num_whole = S // _BLOCK
    whole_NX = weight_NS[:, : num_whole * _BLOCK].reshape(-1, num_whole, _BLOCK).sum(-1)
    rest_N1 = weight_NS[:, num_whole * _BLOCK :].sum(-1, keepdim=True)
    first_N1 = _summed_place(torch.cat([whole_NX, rest_N1], dim=1), generator)[:, None] * _BLOCK
    place_NY = first_N1 + torch.arange(_BLOCK, device=weight_NS.device)
    weight_NY = weight_NS.gather(1, place_NY.clamp(max=S - 1)).masked_fill(place_NY >= S, 0.0)
    return first_N1[:, 0] + _summed_place(weight_NY, generator)


def draw_shared_places(weight_S: Float[Tensor, " S"], num_draws: int, generator: torch.Generator) -> Int[Tensor, " N"]:
    """Many places by the same weights."""
    return first_above(weight_S.cumsum(0, dtype=torch.float64), draw_uniform(num_draws, generator))


def draw_subset(
    from_NS: Bool[Tensor, "N S"], number_N: Int[Tensor, " N"], generator: torch.Generator
) -> Bool[Tensor, "N S"]:
    """True on so many of the True places of each row, every choice as likely as another."""
    key_NS = torch.rand(from_NS.shape, generator=generator, device=from_NS.device, dtype=torch.float64)
    rank_NS = key_NS.masked_fill(~from_NS, 2.0).argsort(1).argsort(1)
    return rank_NS < number_N[:, None]


def draw_uniform(num_draws: int, generator: torch.Generator) -> Float[Tensor, " N"]:
    """Numbers in [0, 1)."""
    return torch.rand(num_draws, generator=generator, device=generator.device, dtype=torch.float64)


def first_above(
    cumulative_NS: Float[Tensor, "N S"] | Float[Tensor, " S"], uniform_N: Float[Tensor, " N"]
) -> Int[Tensor, " N"]:
    """The first place with a cumulative weight above uniform × total.

    Args:
        cumulative_NS: Cumulative weights, a row for each draw or one for all.
        uniform_N: In [0, 1).
    """
    total = cumulative_NS[..., -1]
    # below the total even after rounding, or a place without weight could be found behind the last one with some
    level_N = torch.minimum(uniform_N * total, total.nextafter(torch.zeros_like(total)))
    if cumulative_NS.dim() == 1:
        return torch.searchsorted(cumulative_NS, level_N, right=True)
    return torch.searchsorted(cumulative_NS, level_N[:, None], right=True)[:, 0]
