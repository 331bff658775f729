"""Labels that are whole distributions: q̃ of the next token after each prefix.

Legend: X any positions, N kept positions, R rows, T target length, J tokens that differ, M bases, V vocabulary.

    dense     q(v)
    sparse    q(v) = Σ_m c_m base_m(v) + Σ_j w_j 1[v = token_j]

Where q̃ does not depend on the model, all but a few tokens have equal probabilities, and the sparse form is exact.
Label smoothing is its smallest case: one token with w = 1 − ε over a flat base with c = ε.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import override

__all__ = ["DenseLabels", "SoftLabels", "SparseLabels", "TokenLabels", "stacked"]


class SoftLabels(ABC):
    """One distribution per position."""

    @abstractmethod
    def kept(self, kept_N: Int[Tensor, " N"]) -> "SoftLabels":
        """The labels at some positions of the flattened rows, as `Draw.kept_N` names them."""

    @abstractmethod
    def take(self, row_N: Int[Tensor, " N"]) -> "SoftLabels":
        """The labels of the selected rows."""

    @abstractmethod
    def expectation(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        """Σ_v q(v) · value(v), 0 where q(v) = 0."""

    @abstractmethod
    def subtracted_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """Values − q, in the memory of the given tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLabels(SoftLabels):
    """One token, with probability 1.

    Attributes:
        token_X: The tokens.
    """

    token_X: Int[Tensor, "*X"]

    @override
    def kept(self, kept_N: Int[Tensor, " N"]) -> "TokenLabels":
        return TokenLabels(token_X=self.token_X.flatten(0, 1)[kept_N])

    @override
    def take(self, row_N: Int[Tensor, " N"]) -> "TokenLabels":
        return TokenLabels(token_X=self.token_X[row_N])

    @override
    def expectation(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        return values_NV.gather(1, self.token_X[:, None])[:, 0]

    @override
    def subtracted_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        minus_N1 = values_NV.new_full((len(self.token_X), 1), -1.0)
        return values_NV.scatter_add_(1, self.token_X[:, None], minus_N1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLabels(SoftLabels):
    """One probability per token of the vocabulary.

    Attributes:
        q_XV: q̃ of every token after each prefix.
    """

    q_XV: Float[Tensor, "*X V"]

    @override
    def kept(self, kept_N: Int[Tensor, " N"]) -> "DenseLabels":
        return DenseLabels(q_XV=self.q_XV.flatten(0, 1)[kept_N])

    @override
    def take(self, row_N: Int[Tensor, " N"]) -> "DenseLabels":
        return DenseLabels(q_XV=self.q_XV[row_N])

    @override
    def expectation(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        return torch.where(self.q_XV > 0.0, self.q_XV * values_NV, 0.0).sum(-1)

    @override
    def subtracted_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        return values_NV.sub_(self.q_XV)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLabels(SoftLabels):
    """A few tokens over a few base distributions, which all positions share.

    Attributes:
        token_XJ: The tokens that differ. A token may stand in several slots; their weights add up.
        weight_XJ: w_j, the weight of a token in addition to the bases; may be negative.
        base_weight_XM: c_m.
        base_MV: The bases.
    """

    token_XJ: Int[Tensor, "*X J"]
    weight_XJ: Float[Tensor, "*X J"]
    base_weight_XM: Float[Tensor, "*X M"]
    base_MV: Float[Tensor, "M V"]

    @override
    def kept(self, kept_N: Int[Tensor, " N"]) -> "SparseLabels":
        return SparseLabels(
            token_XJ=self.token_XJ.flatten(0, 1)[kept_N],
            weight_XJ=self.weight_XJ.flatten(0, 1)[kept_N],
            base_weight_XM=self.base_weight_XM.flatten(0, 1)[kept_N],
            base_MV=self.base_MV,
        )

    @override
    def take(self, row_N: Int[Tensor, " N"]) -> "SparseLabels":
        return SparseLabels(
            token_XJ=self.token_XJ[row_N],
            weight_XJ=self.weight_XJ[row_N],
            base_weight_XM=self.base_weight_XM[row_N],
            base_MV=self.base_MV,
        )

    @override
    def expectation(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        # the matrix product is NaN where a value is infinite, also under a base of 0
        spikes_N = (self.weight_XJ * values_NV.gather(1, self.token_XJ)).sum(1)
        return spikes_N + (self.base_weight_XM * (values_NV @ self.base_MV.T)).sum(1)

    @override
    def subtracted_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        values_NV.addmm_(self.base_weight_XM, self.base_MV, alpha=-1.0)
        return values_NV.scatter_add_(1, self.token_XJ, -self.weight_XJ)


def stacked(steps: Sequence[SoftLabels], row_steps: Sequence[Int[Tensor, " _"]] | None, num_rows: int) -> SoftLabels:
    """The labels of all steps as [R, T] positions, zero where a row has no such step.

    Args:
        steps: One entry per step, with the labels of the rows active then; all dense or all sparse.
        row_steps: The indices of those rows; None where every step has all rows.
        num_rows: R.
    """
    first = steps[0]
    if isinstance(first, DenseLabels):
        dense = [step.q_XV for step in steps if isinstance(step, DenseLabels)]
        return DenseLabels(q_XV=_spread(dense, row_steps, num_rows))
    sparse = [step for step in steps if isinstance(step, SparseLabels)]
    return SparseLabels(
        token_XJ=_spread([step.token_XJ for step in sparse], row_steps, num_rows),
        weight_XJ=_spread([step.weight_XJ for step in sparse], row_steps, num_rows),
        base_weight_XM=_spread([step.base_weight_XM for step in sparse], row_steps, num_rows),
        base_MV=sparse[0].base_MV,
    )


def _spread(steps: Sequence[Tensor], row_steps: Sequence[Tensor] | None, num_rows: int) -> Tensor:
    """[R, T, ...] from one [N, ...] per step."""
    if row_steps is None:
        return torch.stack(list(steps), dim=1)
    spread = steps[0].new_zeros(num_rows, len(steps), *steps[0].shape[1:])
    for t, (step, row_N) in enumerate(zip(steps, row_steps, strict=True)):
        spread[row_N, t] = step
    return spread
