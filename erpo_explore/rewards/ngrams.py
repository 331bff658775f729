"""Clipped n-gram matches of a growing hypothesis with its reference, for the whole batch at once.

Legend: B batch, T reference length, J = T + 1 slots (the last one is EOS), N orders.

For each place j of the reference the state knows with how many of the words before j the hypothesis now ends (`run`),
and for each order n how many of the n-grams like the one that ends at j are still to be matched (`left`: how often the
reference holds it, less how often the hypothesis does). Saying y*_j gains one match of order n where run ≥ n − 1 and
left > 0, which is BLEU's and ROUGE's clipping. Only words of the reference can gain; everything else is "any other".
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference
from erpo_explore.rewards.slots import Slots, after_place
from erpo_explore.rows import Rows

__all__ = ["NgramMatches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramMatches(Rows):
    """Matches of the prefix so far.

    Attributes:
        slots: What may match.
        run_BJ: With how many of the words before each place the prefix ends.
        left_BNJ: How many more of the n-gram that ends at each place would count; 0 where there is none.
        matches_BN: Clipped matches of the prefix.
        length: Words in the prefix.
    """

    slots: Slots
    run_BJ: Float[Tensor, "B J"]
    left_BNJ: Float[Tensor, "B N J"]
    matches_BN: Float[Tensor, "B N"]
    length: int

    @classmethod
    def begin(cls, reference: Reference, orders: int) -> "NgramMatches":
        """The empty prefix, matched up to n = `orders`."""
        slots = Slots.of(reference)
        # EOS is a slot, but no word that matches
        equal_BJJ = slots.same_BJJ * (slots.word_BJ >= 0)[:, None, :]
        given = [equal_BJJ.sum(-1)]
        longer_BJJ = equal_BJJ
        for _ in range(orders - 1):
            # an n-gram equals another where their last words do and the (n−1)-grams one place earlier do
            longer_BJJ = equal_BJJ * torch.nn.functional.pad(longer_BJJ[:, :-1, :-1], (1, 0, 1, 0))
            given.append(longer_BJJ.sum(-1))
        left_BNJ = torch.stack(given, dim=1)
        return cls(
            slots=slots,
            run_BJ=torch.zeros_like(left_BNJ[:, 0]),
            left_BNJ=left_BNJ,
            matches_BN=torch.zeros_like(left_BNJ[:, :, 0]),
            length=0,
        )

    @property
    def gains_BNJ(self) -> Bool[Tensor, "B N J"]:
        """Where saying the reference's word gains a clipped match of order n, as seen from that place.

        Where a word stands at several places, that with the longest run gains all that any of them does: the n-grams
        that would end at two places of long enough runs are the same one.
        """
        return (self.run_BJ[:, None, :] >= self._orders_N1 - 1) & (self.left_BNJ > 0)

    def advance(self, token_B: Int[Tensor, " B"]) -> "NgramMatches":
        """After one more word; EOS and padding change no match."""
        run_BJ = (self.run_BJ + 1.0) * self.slots.taken(token_B)
        ended_BNJ = run_BJ[:, None, :] >= self._orders_N1
        return replace(
            self,
            run_BJ=after_place(run_BJ),
            left_BNJ=self.left_BNJ - ended_BNJ.float(),
            matches_BN=self.matches_BN + (ended_BNJ & (self.left_BNJ > 0)).any(-1),
            length=self.length + 1,
        )

    @property
    def _orders_N1(self) -> Int[Tensor, "N 1"]:
        return torch.arange(1, self.left_BNJ.shape[1] + 1, device=self.left_BNJ.device)[:, None]
