"""Clipped n-gram matches of hypotheses with their references: of growing ones word by word, of whole ones at once.

Legend: B batch, T reference length, L hypothesis length, J = T + 1 slots (the last one is EOS), N orders.

A hypothesis that grows knows for each order n and each place j of the reference whether it now ends in the n − 1 words
before j (`open`), and how many n-grams like the one that ends at j may still match (`left`: how often the reference
holds it, less how often the hypothesis does). Saying y*_j gains a match of order n where j is open and left > 0, which
is BLEU's and ROUGE's clipping. Only words of the reference can gain; everything else is "any other".
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from erpo_explore.rewards.base import Reference
from erpo_explore.rewards.slots import NO_WORD, Slots
from erpo_explore.rows import Rows

__all__ = ["NgramMatches", "clipped_matches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramMatches(Rows):
    """Matches of the prefix so far.

    Attributes:
        slots: What may match.
        open_BNJ: True where the prefix ends in the n − 1 words before the place.
        left_BNJ: How many more of the n-gram that ends at the place would count; 0 where there is none.
        matches_BN: Clipped matches of the prefix.
        length: Words in the prefix.
    """

    slots: Slots
    open_BNJ: Bool[Tensor, "B N J"]
    left_BNJ: Float[Tensor, "B N J"]
    matches_BN: Float[Tensor, "B N"]
    length: int

    @classmethod
    def begin(cls, reference: Reference, orders: int) -> "NgramMatches":
        """The empty prefix, matched up to n = `orders`."""
        slots = Slots.of(reference)
        same_BJJ = _same_words(slots.word_BJ, slots.word_BJ)
        left_BNJ = torch.stack([equal_BJJ.sum(-1) for equal_BJJ in _same_ngrams(same_BJJ, orders)], dim=1).float()
        open_BNJ = torch.zeros_like(left_BNJ, dtype=torch.bool)
        open_BNJ[:, 0] = True
        return cls(
            slots=slots,
            open_BNJ=open_BNJ,
            left_BNJ=left_BNJ,
            matches_BN=torch.zeros_like(left_BNJ[:, :, 0]),
            length=0,
        )

    @property
    def gains_BNJ(self) -> Bool[Tensor, "B N J"]:
        """Where saying the reference's word gains a clipped match of order n, as seen from that place.

        Of a word's places, the one before which most words fit gains all that any of them does: n-grams that would
        end at two open places are the same one.
        """
        return self.open_BNJ & (self.left_BNJ > 0)

    def advance(self, token_B: Int[Tensor, " B"]) -> "NgramMatches":
        """After one more word; EOS and padding change no match."""
        ended_BNJ = self.open_BNJ & self.slots.taken(token_B)[:, None, :]
        # who has said the n-gram that ends at j has said the first n words of those that end at j + 1
        open_BNJ = pad(ended_BNJ[:, :-1, :-1], (1, 0, 1, 0))
        open_BNJ[:, 0] = True
        return replace(
            self,
            open_BNJ=open_BNJ,
            left_BNJ=torch.add(self.left_BNJ, ended_BNJ, alpha=-1),
            matches_BN=self.matches_BN + (ended_BNJ & (self.left_BNJ > 0)).any(-1),
            length=self.length + 1,
        )


def clipped_matches(
    reference: Reference, tokens_BL: Int[Tensor, "B L"], words_BL: Bool[Tensor, "B L"], orders: int
) -> Float[Tensor, "B N"]:
    """Clipped matches of whole hypotheses.

    An n-gram of the hypothesis counts if fewer like it stand before it than the reference holds.

    Args:
        reference: One row a hypothesis.
        tokens_BL: Hypotheses.
        words_BL: True on their words.
        orders: N.
    """
    theirs_BT = reference.tokens_BT.masked_fill(~reference.matchable_BT, NO_WORD)
    ours_BL = tokens_BL.masked_fill(~words_BL, NO_WORD)
    earlier = _same_ngrams(_same_words(ours_BL, ours_BL).tril(-1), orders)
    given = _same_ngrams(_same_words(ours_BL, theirs_BT), orders)
    counts = [(x_BLL.sum(-1) < y_BLT.sum(-1)).sum(-1) for x_BLL, y_BLT in zip(earlier, given, strict=True)]
    return torch.stack(counts, dim=1).float()


def _same_words(one_BX: Int[Tensor, "B X"], other_BY: Int[Tensor, "B Y"]) -> Bool[Tensor, "B X Y"]:
    """Where the two hold the same word."""
    return (one_BX[:, :, None] == other_BY[:, None, :]) & (one_BX != NO_WORD)[:, :, None]


def _same_ngrams(same_BXY: Bool[Tensor, "B X Y"], orders: int) -> Iterator[Bool[Tensor, "B X Y"]]:
    """Where the n-grams that end at two places are the same, for n = 1, 2, … in turn."""
    equal_BXY = same_BXY
    yield equal_BXY
    for _ in range(orders - 1):
        # their last words are the same, and so are the (n − 1)-grams one place earlier
        longer_BXY = torch.zeros_like(same_BXY)
        longer_BXY[:, 1:, 1:] = same_BXY[:, 1:, 1:] & equal_BXY[:, :-1, :-1]
        equal_BXY = longer_BXY
        yield equal_BXY
