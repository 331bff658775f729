"""The increments of every candidate at one step, kept as what they are: one value for most, others for a few.

Legend: B batch, J slots of candidates that differ, V vocabulary.

A metric of words values all words that the reference does not hold alike. So r_t(v) of V candidates is one number for
any other token and J numbers for the reference's words and EOS; a sampler that needs no model never makes V of them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Increments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """r_t(v) for all v.

    Attributes:
        other_B: Of every token that is in no slot.
        token_BJ: The token of each slot; a token may stand in several slots.
        keep_BJ: True on one slot of each token that differs; what the others hold is not read.
        value_BJ: r_t of the slot's token.
        num_tokens: V.
    """

    other_B: Float[Tensor, " B"]
    token_BJ: Int[Tensor, "B J"]
    keep_BJ: Bool[Tensor, "B J"]
    value_BJ: Float[Tensor, "B J"]
    num_tokens: int

    def dense(self) -> Float[Tensor, "B V"]:
        """One value a candidate."""
        return self.add_to(torch.zeros(1, device=self.other_B.device).expand(len(self.other_B), self.num_tokens))

    def add_to(self, energy_BV: Float[Tensor, "B V"], scale: float = 1.0) -> Float[Tensor, "B V"]:
        """What is given + scale · r, without a tensor of all r."""
        gain_BJ = torch.where(self.keep_BJ, self.value_BJ - self.other_B[:, None], 0.0)
        return (energy_BV + scale * self.other_B[:, None]).scatter_add(1, self.token_BJ, scale * gain_BJ)

    def of(self, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """r_t of one token a row."""
        hit_BJ = self.keep_BJ & (self.token_BJ == token_B[:, None])
        found_B = torch.where(hit_BJ, self.value_BJ, 0.0).sum(1)
        return torch.where(hit_BJ.any(1), found_B, self.other_B)
