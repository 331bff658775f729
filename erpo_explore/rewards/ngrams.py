"""Clipped n-gram matches of a growing hypothesis with its reference, for the whole batch at once.

Legend: B batch, T reference length, N orders, V vocabulary.

For each n and each place j of the reference the state knows whether the hypothesis now ends in the n−1 words before j
(`open`), how often the hypothesis holds the n-gram that ends at j (`held`) and how often the reference does (`given`).
A candidate v gains one match of order n where some j with y*_j = v is open and held < given, which is BLEU's and
ROUGE's clipping. Only words of the reference can gain; everything else is "any other".
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference

__all__ = ["NgramMatches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramMatches:
    """Matches of the prefix so far.

    Attributes:
        reference: What is matched.
        same_BTT: True where two places of the reference hold the same word.
        given_BNT: How often the reference holds the n-gram that ends at each place.
        exists_BNT: True where an n-gram ends at that place.
        open_BNT: True where the prefix ends in the n−1 words before that place.
        held_BNT: How often the prefix holds that n-gram.
        matches_BN: Clipped matches of the prefix.
        length_B: Words in the prefix.
    """

    reference: Reference
    same_BTT: Bool[Tensor, "B T T"]
    given_BNT: Float[Tensor, "B N T"]
    exists_BNT: Bool[Tensor, "B N T"]
    open_BNT: Bool[Tensor, "B N T"]
    held_BNT: Float[Tensor, "B N T"]
    matches_BN: Float[Tensor, "B N"]
    length_B: Float[Tensor, " B"]

    @classmethod
    def begin(cls, reference: Reference, orders: int) -> "NgramMatches":
        """The empty prefix, matched up to n = `orders`."""
        words_BT = reference.matchable_BT
        same_BTT = words_BT[:, :, None] & words_BT[:, None, :]
        same_BTT = same_BTT & (reference.tokens_BT[:, :, None] == reference.tokens_BT[:, None, :])
        equal, exists = [same_BTT], [words_BT]
        for _ in range(orders - 1):
            # an n-gram equals another where their last words do and the (n−1)-grams one place earlier do
            equal.append(same_BTT & _shift(_shift(equal[-1], 1), 2))
            exists.append(words_BT & _shift(exists[-1], 1))
        exists_BNT = torch.stack(exists, dim=1)
        first_order = torch.arange(orders, device=words_BT.device) == 0
        B, T = words_BT.shape
        return cls(
            reference=reference,
            same_BTT=same_BTT,
            given_BNT=torch.stack(equal, dim=1).sum(-1).float(),
            exists_BNT=exists_BNT,
            open_BNT=first_order[None, :, None] & exists_BNT,
            held_BNT=torch.zeros(B, orders, T, device=words_BT.device),
            matches_BN=torch.zeros(B, orders, device=words_BT.device),
            length_B=torch.zeros(B, device=words_BT.device),
        )

    @property
    def gains_BNT(self) -> Float[Tensor, "B N T"]:
        """1 where taking the reference's word at a place gains a clipped match of order n, else 0."""
        gain_BNT = (self.open_BNT & (self.held_BNT < self.given_BNT)).float()
        # the same word at another place may gain what this place does not
        return ((gain_BNT @ self.same_BTT.float()) > 0).float()

    def advance(self, token_B: Int[Tensor, " B"]) -> "NgramMatches":
        """After one more word; EOS and padding change no match."""
        taken_BT = self.reference.matchable_BT & (self.reference.tokens_BT == token_B[:, None])
        hit_BNT = self.open_BNT & taken_BT[:, None, :]
        gain_BN = (hit_BNT & (self.held_BNT < self.given_BNT)).any(-1).float()
        ended_BNT = _shift(hit_BNT, 2)[:, :-1]
        return replace(
            self,
            open_BNT=torch.cat([self.open_BNT[:, :1], ended_BNT & self.exists_BNT[:, 1:]], dim=1),
            held_BNT=self.held_BNT + hit_BNT.float(),
            matches_BN=self.matches_BN + gain_BN,
            length_B=self.length_B + 1.0,
        )

    def spread(
        self, other_B: Float[Tensor, " B"], at_BT: Float[Tensor, "B T"], eos_B: Float[Tensor, " B"]
    ) -> Float[Tensor, "B V"]:
        """Values of every candidate from those of any other word, of the reference's words and of EOS."""
        reference = self.reference
        # places without a matchable word write to EOS, which is written last
        index_BT = reference.tokens_BT.masked_fill(~reference.matchable_BT, reference.symbols.eos)
        values_BV = other_B[:, None].repeat(1, reference.num_tokens).scatter(1, index_BT, at_BT)
        values_BV[:, reference.symbols.eos] = eos_B
        return values_BV


def _shift(x: Bool[Tensor, "..."], dim: int) -> Bool[Tensor, "..."]:
    """One place to the right along `dim`; the first place becomes False."""
    shifted = x.roll(1, dims=dim)
    shifted.select(dim, 0).fill_(False)
    return shifted
