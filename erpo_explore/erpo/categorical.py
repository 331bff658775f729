"""Seeded draws of indices in proportion to weights, and of subsets.

Legend: N rows, S indices per row.

By the inverse of the distribution function: the first index whose cumulative weight exceeds u times the total, u
uniform. This takes one uniform number per row, where torch's multinomial takes one per index. Weights are summed in
double precision, so that small weights in a long row keep their probability.

Uniform numbers come from a generator, or from a `UniformTable` that was filled from one. In the table each row and
step has numbers of its own, so a target does not depend on which other rows have ended.
"""

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.seq2seq.ended_rows import masks_ended_rows

__all__ = [
    "UniformTable",
    "Uniforms",
    "draw_indices",
    "draw_shared_indices",
    "draw_subset",
    "draw_uniform",
    "first_above",
    "index_of",
]

_BLOCK: Final = 64
_BELOW_ONE: Final = 1.0 - 2.0**-52
"""Largest u: u times the total is below the total, also after rounding, so no index of weight 0 at the end is found."""


class Uniforms:
    """Uniform numbers of one step: each call of `take` returns one per active row that was not taken before."""

    def __init__(self, number_KN: Float[Tensor, "K N"]) -> None:
        self._number_KN = number_KN
        self._num_taken = 0

    def take(self) -> Float[Tensor, " N"]:
        """The next number of each row."""
        number_N = self._number_KN[self._num_taken]
        self._num_taken += 1
        return number_N


class UniformTable:
    """Uniform numbers for every row and step, drawn at once."""

    def __init__(self, num_steps: int, per_step: int, num_rows: int, generator: torch.Generator) -> None:
        """Draw them.

        Args:
            num_steps: Longest target T.
            per_step: Numbers K that one step of a row may take.
            num_rows: R.
            generator: Source of the numbers.
        """
        shape = (num_steps, per_step, num_rows)
        self._number_TKR = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)

    def at(self, step: int, row_N: Int[Tensor, " N"] | None) -> Uniforms:
        """The numbers of some rows at a step; None stands for all rows."""
        number_KR = self._number_TKR[step]
        return Uniforms(number_KR if row_N is None else number_KR.index_select(1, row_N))


def draw_indices(weight_NS: Float[Tensor, "N S"], source: torch.Generator | Uniforms) -> Int[Tensor, " N"]:
    """One index per row, with probability in proportion to its weight; never one with weight 0."""
    return index_of(weight_NS, draw_uniform(len(weight_NS), source))


def index_of(weight_NS: Float[Tensor, "N S"], uniform_N: Float[Tensor, " N"]) -> Int[Tensor, " N"]:
    """The first index of each row whose cumulative weight exceeds uniform × total."""
    # fewer kernels against fewer cumulative sums: a CPU sums a vocabulary fast, but does not add it up fast
    if weight_NS.shape[1] <= 8 * _BLOCK or masks_ended_rows(weight_NS.device):
        return first_above(weight_NS.cumsum(-1, dtype=torch.float64), uniform_N)
    return _index_by_blocks(weight_NS, uniform_N)


def _index_by_blocks(weight_NS: Float[Tensor, "N S"], uniform_N: Float[Tensor, " N"]) -> Int[Tensor, " N"]:
    """First a block of indices, then an index within it."""
    S = weight_NS.shape[1]
    num_whole = S // _BLOCK
    whole_NX = weight_NS[:, : num_whole * _BLOCK].reshape(-1, num_whole, _BLOCK).sum(-1)
    rest_N1 = weight_NS[:, num_whole * _BLOCK :].sum(-1, keepdim=True)
    reached_NX = torch.cat([whole_NX, rest_N1], dim=1).cumsum(-1, dtype=torch.float64)
    level_N1 = (uniform_N.clamp(max=_BELOW_ONE) * reached_NX[:, -1])[:, None]
    block_N1 = torch.searchsorted(reached_NX, level_N1, right=True)
    index_NY = block_N1 * _BLOCK + torch.arange(_BLOCK, device=weight_NS.device)
    weight_NY = weight_NS.gather(1, index_NY.clamp(max=S - 1)).masked_fill(index_NY >= S, 0.0)
    within_NY = weight_NY.cumsum(-1, dtype=torch.float64)
    before_N1 = torch.where(block_N1 > 0, reached_NX.gather(1, (block_N1 - 1).clamp(min=0)), 0.0)
    # the two sums of a block differ by rounding
    rest_level_N1 = torch.minimum(level_N1 - before_N1, within_NY[:, -1:] * _BELOW_ONE)
    return (block_N1 * _BLOCK + torch.searchsorted(within_NY, rest_level_N1, right=True))[:, 0]


def draw_shared_indices(
    weight_S: Float[Tensor, " S"], num_draws: int, source: torch.Generator | Uniforms
) -> Int[Tensor, " N"]:
    """Many indices from one row of weights."""
    return first_above(weight_S.cumsum(0, dtype=torch.float64), draw_uniform(num_draws, source))


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


def draw_uniform(num_draws: int, source: torch.Generator | Uniforms) -> Float[Tensor, " N"]:
    """Uniform numbers in [0, 1), in double precision."""
    if isinstance(source, Uniforms):
        return source.take()
    return torch.rand(num_draws, generator=source, device=source.device, dtype=torch.float64)


def first_above(
    cumulative_NS: Float[Tensor, "N S"] | Float[Tensor, " S"], uniform_N: Float[Tensor, " N"]
) -> Int[Tensor, " N"]:
    """The first index whose cumulative weight exceeds uniform × total.

    Args:
        cumulative_NS: Cumulative weights, one row per draw or one row for all draws.
        uniform_N: Numbers in [0, 1).
    """
    level_N = uniform_N.clamp(max=_BELOW_ONE) * cumulative_NS[..., -1]
    if cumulative_NS.dim() == 1:
        return torch.searchsorted(cumulative_NS, level_N, right=True)
    return torch.searchsorted(cumulative_NS, level_N[:, None], right=True)[:, 0]
