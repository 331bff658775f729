"""Clipped n-gram matches of hypotheses with their references, word by word or for whole hypotheses at once.

Legend: B batch, T reference length, L hypothesis length, J = T + 1 slots (the last one is EOS), N orders.

The state of a growing hypothesis has two entries for each order n and each position j of the reference. `open`: whether
the hypothesis ends in the n − 1 words before j. `left`: how often the n-gram that ends at j may still match, its count
in the reference minus its count in the hypothesis. The word y*_j gains a match of order n where j is open and left > 0,
which is the clipping of BLEU and ROUGE. Only words of the reference can gain; every other token is "any other".
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
        slots: The candidates.
        open_BNJ: True where the prefix ends in the n − 1 words before the position.
        left_BNJ: Number of further matches of the n-gram that ends at the position; 0 where no n-gram ends.
        matches_BN: Clipped matches of the prefix.
        length: Number of words in the prefix.
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
        """True where the reference's word at the position gains a clipped match of order n.

        Among the positions of one word, the one with the longest match before it has every gain that any of them has:
        n-grams that would end at two open positions are the same n-gram.
        """
        return self.open_BNJ & (self.left_BNJ > 0)

    def advance(self, token_B: Int[Tensor, " B"]) -> "NgramMatches":
        """The matches after one more word; EOS and padding change none."""
        ended_BNJ = self.open_BNJ & self.slots.taken(token_B)[:, None, :]
        # a hypothesis that ends in the n-gram of j ends in the first n words of the (n + 1)-gram of j + 1
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

    An n-gram counts if the hypothesis holds it earlier fewer times than the reference holds it.

    Args:
        reference: y*, one row per hypothesis.
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
    """True where the two have the same word."""
    return (one_BX[:, :, None] == other_BY[:, None, :]) & (one_BX != NO_WORD)[:, :, None]


def _same_ngrams(same_BXY: Bool[Tensor, "B X Y"], orders: int) -> Iterator[Bool[Tensor, "B X Y"]]:
    """True where the n-grams that end at two positions are equal, for n = 1, 2, … in turn."""
    equal_BXY = same_BXY
    yield equal_BXY
    for _ in range(orders - 1):
        # equal last words, and equal (n − 1)-grams one position earlier
        longer_BXY = torch.zeros_like(same_BXY)
        longer_BXY[:, 1:, 1:] = same_BXY[:, 1:, 1:] & equal_BXY[:, :-1, :-1]
        equal_BXY = longer_BXY
        yield equal_BXY
