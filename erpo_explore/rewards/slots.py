"""The words of a reference as candidates, computed once per batch for every metric.

Legend: B batch, J = T + 1 slots: one for each position of the reference, and the last one for EOS; V vocabulary.

A word at several positions of the reference has several slots, of which the first counts. Positions that no hypothesis
can match (EOS, padding, unknown words) have slots that never count.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["NO_WORD", "Slots"]

NO_WORD: Final = -1
"""Replaces a word that no hypothesis can match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots(Rows):
    """The candidates with increments of their own.

    Attributes:
        token_BJ: The token of each slot.
        keep_BJ: True on the first slot of each matchable word, and on EOS.
        word_BJ: The token where a word can match it, else −1.
        first_BJ: The first slot of each slot's word; for a position without a word, the slot itself.
        length_B: Number of words in each reference.
        num_tokens: V.
    """

    token_BJ: Int[Tensor, "B J"]
    keep_BJ: Bool[Tensor, "B J"]
    word_BJ: Int[Tensor, "B J"]
    first_BJ: Int[Tensor, "B J"]
    length_B: Float[Tensor, " B"]
    num_tokens: int

    @classmethod
    def of(cls, reference: Reference) -> "Slots":
        """The slots of a batch."""
        matchable_BJ = torch.nn.functional.pad(reference.matchable_BT, (0, 1))
        token_BJ = torch.nn.functional.pad(reference.tokens_BT, (0, 1), value=reference.symbols.eos)
        word_BJ = token_BJ.masked_fill(~matchable_BJ, NO_WORD)
        slot_J = torch.arange(token_BJ.shape[1], device=token_BJ.device)
        # argmax returns the first index of the largest value
        same_BJJ = word_BJ[:, :, None] == word_BJ[:, None, :]
        first_BJ = torch.where(matchable_BJ, same_BJJ.int().argmax(-1), slot_J)
        keep_BJ = matchable_BJ & (first_BJ == slot_J)
        keep_BJ[:, -1] = True
        return cls(
            token_BJ=token_BJ,
            keep_BJ=keep_BJ,
            word_BJ=word_BJ,
            first_BJ=first_BJ,
            length_B=reference.length_B,
            num_tokens=reference.num_tokens,
        )

    def taken(self, token_B: Int[Tensor, " B"]) -> Bool[Tensor, "B J"]:
        """True on the slots whose word is the row's token."""
        return self.word_BJ == token_B[:, None]

    def best(self, value_BJ: Float[Tensor, "B J"]) -> Float[Tensor, "B J"]:
        """The maximum over the positions of each word, at the word's first slot; EOS keeps its value."""
        return value_BJ.scatter_reduce(1, self.first_BJ, value_BJ, "amax")

    def increments(self, other_B: Float[Tensor, " B"], value_BJ: Float[Tensor, "B J"]) -> Increments:
        """Increments from the value of any other token and the value of each slot."""
        return Increments(
            other_B=other_B,
            token_BJ=self.token_BJ,
            keep_BJ=self.keep_BJ,
            value_BJ=value_BJ,
            num_tokens=self.num_tokens,
        )
