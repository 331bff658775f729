"""One for every target: the control that tells whether a gain is the reward's.

Legend: B batch.

    Φ(empty) = 0,  Φ(anything else) = 1

The first token adds 1, whatever it is, so no next token is ever preferred: q is p_θ^ρ or uniform.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["ConstantReward", "ConstantState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantState(Rows):
    """How far the prefix is.

    Attributes:
        reference: Whose number of rows counts.
        is_empty: Whether there is no token yet.
    """

    reference: Reference
    is_empty: bool


class ConstantReward(MetricReward[ConstantState]):
    """R = 1."""

    def begin(self, reference: Reference) -> ConstantState:
        """No token yet."""
        return ConstantState(reference=reference, is_empty=True)

    def candidates(self, state: ConstantState) -> Increments:
        """1 for every first token, 0 for every later one."""
        num_tokens = state.reference.num_tokens
        return Increments.alike(torch.full_like(state.reference.length_B, float(state.is_empty)), num_tokens)

    def advance(self, state: ConstantState, token_B: Int[Tensor, " B"]) -> ConstantState:
        """No longer empty."""
        return ConstantState(reference=state.reference, is_empty=False)
