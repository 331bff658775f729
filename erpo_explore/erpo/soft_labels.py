"""Labels that are whole distributions: q̃ of the next token after each prefix.

Legend: X any places, N kept places, J tokens that differ, M bases, V vocabulary.

    dense     q(v)
    sparse    q(v) = Σ_m c_m base_m(v) + Σ_j w_j 1[v = token_j]

Where the model has no say in q̃, all but a few tokens are alike, and the sparse form is all there is to it. Label
smoothing is its smallest case: one token with w = 1 − ε over a flat base with c = ε.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["DenseLabels", "SoftLabels", "SparseLabels", "TokenLabels", "stacked"]


class SoftLabels(ABC):
    """One distribution a place."""

    @abstractmethod
    def kept(self, keep_RT: Bool[Tensor, "R T"]) -> "SoftLabels":
        """Those at the kept places, row after row, as `logits[keep]` has them."""

    @abstractmethod
    def algorithm(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        """Σ_v q(v) · value(v), 0 where q(v) = 0."""

    @abstractmethod
    def taken_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """What is given − q, in the given tensor's own memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLabels(SoftLabels):
    """One token, with probability 1.

    Attributes:
        token_X: The tokens.
    """

    token_X: Int[Tensor, "*X"]

    def kept(self, keep_RT: Bool[Tensor, "R T"]) -> "TokenLabels":
        """A selection of the rows."""
        return TokenLabels(token_X=self.token_X[keep_RT])

    def algorithm(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        """The token's own value."""
        return values_NV.gather(1, self.token_X[:, None])[:, 0]

    def taken_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """1 less at the token."""
        minus_N1 = values_NV.new_full((len(self.token_X), 1), -1.0)
        return values_NV.scatter_add_(1, self.token_X[:, None], minus_N1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLabels(SoftLabels):
    """One probability a token.

    Attributes:
        q_XV: Of every token after each prefix.
    """

    q_XV: Float[Tensor, "*X V"]

    def kept(self, keep_RT: Bool[Tensor, "R T"]) -> "DenseLabels":
        """A selection of the rows."""
        return DenseLabels(q_XV=self.q_XV[keep_RT])

    def algorithm(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        """A product and a sum."""
        return torch.where(self.q_XV > 0.0, self.q_XV * values_NV, 0.0).sum(-1)

    def taken_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """A subtraction."""
        return values_NV.sub_(self.q_XV)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLabels(SoftLabels):
    """A few tokens over a few bases that all places share.

    Attributes:
        token_XJ: The tokens that differ; one may stand in several slots, whose weights add up.
        weight_XJ: w_j, what a token has beside the bases; may be negative.
        base_weight_XM: c_m.
        base_MV: The bases.
    """

    token_XJ: Int[Tensor, "*X J"]
    weight_XJ: Float[Tensor, "*X J"]
    base_weight_XM: Float[Tensor, "*X M"]
    base_MV: Float[Tensor, "M V"]

    def kept(self, keep_RT: Bool[Tensor, "R T"]) -> "SparseLabels":
        """A selection of the rows."""
        return SparseLabels(
            token_XJ=self.token_XJ[keep_RT],
            weight_XJ=self.weight_XJ[keep_RT],
            base_weight_XM=self.base_weight_XM[keep_RT],
            base_MV=self.base_MV,
        )

    def algorithm(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, " N"]:
        """A gather, and one small matrix product; of finite values alone."""
        spikes_N = (self.weight_XJ * values_NV.gather(1, self.token_XJ)).sum(1)
        return spikes_N + (self.base_weight_XM * (values_NV @ self.base_MV.T)).sum(1)

    def taken_from(self, values_NV: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """A scatter, and one update of low rank."""
        values_NV.addmm_(self.base_weight_XM, self.base_MV, alpha=-1.0)
        return values_NV.scatter_add_(1, self.token_XJ, -self.weight_XJ)


def stacked(steps: Sequence[SoftLabels], row_steps: Sequence[Int[Tensor, " _"]], num_rows: int) -> SoftLabels:
    """The labels of a target's steps side by side, zero where a row has no such step.

    Args:
        steps: One a step, of the rows that were alive then; all dense or all sparse.
        row_steps: The numbers of those rows.
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


def _spread(steps: Sequence[Tensor], row_steps: Sequence[Tensor], num_rows: int) -> Tensor:
    """[R, T, ...] from one [N, ...] a step."""
    spread = steps[0].new_zeros(num_rows, len(steps), *steps[0].shape[1:])
    for t, (step, row_N) in enumerate(zip(steps, row_steps, strict=True)):
        spread[row_N, t] = step
    return spread
