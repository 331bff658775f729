"""The sentence BLEU of the paper's code, 0–1 but for what it takes off, as a sum of increments.

Legend: B batch, N = 4 orders, J slots of candidates (the last one is EOS).

    Φ(prefix) = min(1, exp(1 − |y*| / l)) · (Π_n (m_n + 1) / (max(l − n + 1, 0) + 1))^(1/4),  0 of no words or for none
    r(v)      = ΔΦ(v) − 1[v in y*, v = y_(t−1)]        r(EOS) = −1[l < |y*|]

with m_n clipped matches and l words. Here a prefix is punished for being short, which its next words make good; in turn
a word that is said twice and an end that comes early are punished by hand, and a sum of increments is no BLEU. `bleu`
needs none of that. This one is for retracing the numbers of Tan et al. (2018). An unknown word is as any other, and any
other word may be repeated.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.bleu import brevity
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches
from erpo_explore.rows import Rows

__all__ = ["BleuPrefixReward", "BleuPrefixState"]

_ORDERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BleuPrefixState(Rows):
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped matches.
        last_B: y_(t−1); EOS, which no word is, before the first token.
    """

    ngrams: NgramMatches
    last_B: Int[Tensor, " B"]


class BleuPrefixReward(MetricReward[BleuPrefixState]):
    """Sentence BLEU of the prefix, less what the paper's code takes off for repeating and for ending early."""

    def begin(self, reference: Reference) -> BleuPrefixState:
        """No word yet."""
        return BleuPrefixState(
            ngrams=NgramMatches.begin(reference, _ORDERS),
            last_B=torch.full_like(reference.tokens_BT[:, 0], reference.symbols.eos),
        )

    def candidates(self, state: BleuPrefixState) -> Increments:
        """ΔΦ of every candidate, less the punishments."""
        ngrams, slots = state.ngrams, state.ngrams.slots
        now_B, then_B = _per_root(ngrams.length, slots.length_B), _per_root(ngrams.length + 1, slots.length_B)
        matches_BNJ = ngrams.matches_BN[:, :, None] + ngrams.gains_BNJ + 1.0
        root_BJ = slots.best(matches_BNJ.prod(1)).sqrt().sqrt()
        root_B = root_BJ[:, -1]
        value_BJ = root_BJ * then_B[:, None] - (root_B * now_B)[:, None]
        value_BJ = torch.add(value_BJ, slots.taken(state.last_B), alpha=-1)
        value_BJ[:, -1] = -(slots.length_B > ngrams.length).float()
        return slots.increments(root_B * (then_B - now_B), value_BJ)

    def advance(self, state: BleuPrefixState, token_B: Int[Tensor, " B"]) -> BleuPrefixState:
        """One more word."""
        return BleuPrefixState(ngrams=state.ngrams.advance(token_B), last_B=token_B)


def _per_root(length: int, reference_B: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Φ over (Π_n (m_n + 1))^(1/4) after l words; 0 of no words and for a reference without any."""
    if length == 0:
        return torch.zeros_like(reference_B)
    per_match: float = math.prod(max(length - n + 1, 0) + 1 for n in range(1, _ORDERS + 1)) ** -0.25
    return brevity(float(length), reference_B) * (reference_B > 0) * per_match
