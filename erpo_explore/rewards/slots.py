"""The words of a reference as candidates: what every metric asks of them, worked out once a batch.

Legend: B batch, J = T + 1 slots: one for each place of the reference, and the last one for EOS; V vocabulary.

A word that stands at several places of the reference has several slots, of which the first counts. Places that no
hypothesis can match (EOS, padding, unknown words) have slots that never count.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["Slots"]

_NO_TOKEN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots(Rows):
    """The candidates that differ from any other word.

    Attributes:
        token_BJ: The token of each slot.
        keep_BJ: True on the first slot of each matchable word, and on EOS.
        word_BJ: The token where a word can match it, else −1.
        same_BJJ: 1 where two slots hold the same word, else 0.
        length_B: Words in each reference.
        num_tokens: V.
    """

    token_BJ: Int[Tensor, "B J"]
    keep_BJ: Bool[Tensor, "B J"]
    word_BJ: Int[Tensor, "B J"]
    same_BJJ: Float[Tensor, "B J J"]
    length_B: Float[Tensor, " B"]
    num_tokens: int

    @classmethod
    def of(cls, reference: Reference) -> "Slots":
        """Lay out the slots of a batch."""
        matchable_BJ = torch.nn.functional.pad(reference.matchable_BT, (0, 1))
        token_BJ = torch.nn.functional.pad(reference.tokens_BT, (0, 1), value=reference.symbols.eos)
        word_BJ = token_BJ.masked_fill(~matchable_BJ, _NO_TOKEN)
        same_BJJ = (word_BJ[:, :, None] == word_BJ[:, None, :]) & matchable_BJ[:, :, None]
        keep_BJ = matchable_BJ & ~same_BJJ.tril(-1).any(-1)
        keep_BJ[:, -1] = True
        same_BJJ[:, -1, -1] = True
        return cls(
            token_BJ=token_BJ,
            keep_BJ=keep_BJ,
            word_BJ=word_BJ,
            same_BJJ=same_BJJ.float(),
            length_B=reference.length_B,
            num_tokens=reference.num_tokens,
        )

    def taken(self, token_B: Int[Tensor, " B"]) -> Bool[Tensor, "B J"]:
        """Which slots hold the word that each row has said."""
        return self.word_BJ == token_B[:, None]

    def best(self, value_BJ: Float[Tensor, "B J"]) -> Float[Tensor, "B J"]:
        """Of each slot, the largest of the values ≥ 0 at the places of its word."""
        return (self.same_BJJ * value_BJ[:, None, :]).amax(-1)

    def increments(self, other_B: Float[Tensor, " B"], value_BJ: Float[Tensor, "B J"]) -> Increments:
        """Values of any other word, and of each slot."""
        return Increments(
            other_B=other_B,
            token_BJ=self.token_BJ,
            keep_BJ=self.keep_BJ,
            value_BJ=value_BJ,
            num_tokens=self.num_tokens,
        )


def after_place(value_BJ: Float[Tensor, "B J"]) -> Float[Tensor, "B J"]:
    """What is known at the end of each place, where the next place looks for it; 0 before the first."""
    return torch.nn.functional.pad(value_BJ[:, :-1], (1, 0))
