"""The increments of every candidate at one step in sparse form: J slots and one value for all other tokens.

Legend: B batch, J slots of candidates that differ, K forbidden tokens, V vocabulary.

A metric of words gives all words outside the reference the same increment. So r_t(v) of V candidates is J numbers, for
the reference's words and EOS, and one number for any other token. A sampler without the model never builds [B, V].
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rows import Rows

__all__ = ["Increments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments(Rows):
    """r_t(v) for all v.

    Attributes:
        other_B: r_t of every token that is in no slot.
        token_BJ: The token of each slot; a token may stand in several slots.
        keep_BJ: True on one slot of each token that differs; the other slots are not read.
        value_BJ: r_t of the slot's token.
        num_tokens: V.
    """

    other_B: Float[Tensor, " B"]
    token_BJ: Int[Tensor, "B J"]
    keep_BJ: Bool[Tensor, "B J"]
    value_BJ: Float[Tensor, "B J"]
    num_tokens: int

    @classmethod
    def alike(cls, value_B: Float[Tensor, " B"], num_tokens: int) -> "Increments":
        """The same value for every token."""
        nothing_BJ = value_B[:, None][:, :0]
        return cls(
            other_B=value_B,
            token_BJ=nothing_BJ.long(),
            keep_BJ=nothing_BJ.bool(),
            value_BJ=nothing_BJ,
            num_tokens=num_tokens,
        )

    def dense(self) -> Float[Tensor, "B V"]:
        """One value per candidate."""
        return self.add_gains(self.other_B[:, None].repeat(1, self.num_tokens))

    def add_gains(self, energy_BV: Float[Tensor, "B V"], scale: float = 1.0) -> Float[Tensor, "B V"]:
        """Add scale · (r_t(v) − r_t(any other)) in place: scale · r_t up to a constant, which a softmax ignores."""
        gain_BJ = torch.where(self.keep_BJ, self.value_BJ - self.other_B[:, None], 0.0)
        return energy_BV.scatter_add_(1, self.token_BJ, scale * gain_BJ)

    def of(self, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """r_t of one token per row."""
        hit_BJ = self.keep_BJ & (self.token_BJ == token_B[:, None])
        return torch.where(hit_BJ.any(1), torch.where(hit_BJ, self.value_BJ, 0.0).sum(1), self.other_B)

    def scaled(self, scale: float) -> "Increments":
        """All r_t(v) multiplied by `scale`."""
        if scale == 1.0:
            return self
        return replace(self, other_B=self.other_B * scale, value_BJ=self.value_BJ * scale)

    def without(self, token_BK: Int[Tensor, "B K"]) -> "Increments":
        """The same increments with r_t = −∞ for the given tokens, which become slots.

        Args:
            token_BK: Distinct tokens; no kept slot may hold one of them.
        """
        return replace(
            self,
            token_BJ=torch.cat([self.token_BJ, token_BK], dim=1),
            keep_BJ=torch.nn.functional.pad(self.keep_BJ, (0, token_BK.shape[1]), value=True),
            value_BJ=torch.nn.functional.pad(self.value_BJ, (0, token_BK.shape[1]), value=-torch.inf),
        )

    def log_softmax(self, log_number_B: Float[Tensor, " B"] | None = None) -> "Increments":
        """The logarithm of softmax_v r_t(v).

        Σ_v exp r_t(v) is the sum over the slots plus exp r_t(any other) times the number of tokens without a slot.

        Args:
            log_number_B: The logarithm of that number, where it is known.
        """
        slot_BJ = self.value_BJ.masked_fill(~self.keep_BJ, -torch.inf)
        if log_number_B is None:
            log_number_B = (self.num_tokens - self.keep_BJ.sum(1)).to(self.other_B.dtype).log()
        others_B = self.other_B + log_number_B
        total_B = torch.cat([slot_BJ, others_B[:, None]], dim=1).logsumexp(1)
        return replace(self, other_B=self.other_B - total_B, value_BJ=slot_BJ - total_B[:, None])
