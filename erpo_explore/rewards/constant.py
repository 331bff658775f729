"""Reward 1 for every target: the control of whether a gain comes from the reward.

Legend: B batch.

    Φ(empty) = 0,  Φ(anything else) = 1

The increment of the first token is 1, whatever the token is. So no next token is preferred: q is p_θ^ρ or uniform.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["ConstantReward", "ConstantState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantState(Rows):
    """State of the prefix.

    Attributes:
        reference: The references; only their number of rows is used.
        is_empty: Whether the prefix has no token.
    """

    reference: Reference
    is_empty: bool


class ConstantReward(MetricReward[ConstantState]):
    """R = 1."""

    @override
    def begin(self, reference: Reference) -> ConstantState:
        return ConstantState(reference=reference, is_empty=True)

    @override
    def candidates(self, state: ConstantState) -> Increments:
        num_tokens = state.reference.num_tokens
        return Increments.alike(torch.full_like(state.reference.length_B, float(state.is_empty)), num_tokens)

    @override
    def advance(self, state: ConstantState, token_B: Int[Tensor, " B"]) -> ConstantState:
        return ConstantState(reference=state.reference, is_empty=False)
