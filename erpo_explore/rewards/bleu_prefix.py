"""The sentence BLEU of the code of Tan et al. (2018), 0–1 before its penalties, as a sum of increments.

Legend: B batch, N = 4 orders, J slots of candidates (the last one is EOS).

    Φ(prefix) = min(1, exp(1 − |y*| / l)) · (Π_n (m_n + 1) / (max(l − n + 1, 0) + 1))^(1/4),  0 if l = 0 or |y*| = 0
    r(v)      = ΔΦ(v) − 1[v in y*, v = y_(t−1)]        r(EOS) = −1[l < |y*|]

with m_n clipped matches and l words. Here the brevity penalty applies to prefixes, and the following words make up for
it. Their code adds two penalties: 1 for repeating the previous token and 1 for an early EOS. So the sum of the
increments is not BLEU; `bleu` needs no such penalty. This reward serves to reproduce the numbers of Tan et al. (2018).
An unknown word counts as any other word outside y*, and words outside y* may be repeated.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import override

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
        penalty_BJ: The brevity penalty at l = 0..T words (the last entry also for more); 0 without words or reference.
        last_B: y_(t−1); EOS, which equals no word, before the first token.
    """

    ngrams: NgramMatches
    penalty_BJ: Float[Tensor, "B J"]
    last_B: Int[Tensor, " B"]

    def per_root_B(self, length: int) -> Float[Tensor, " B"]:
        """Φ divided by (Π_n (m_n + 1))^(1/4), at l words."""
        per_match: float = math.prod(max(length - n + 1, 0) + 1 for n in range(1, _ORDERS + 1)) ** -0.25
        return self.penalty_BJ[:, min(length, self.penalty_BJ.shape[1] - 1)] * per_match


class BleuPrefixReward(MetricReward[BleuPrefixState]):
    """Sentence BLEU of the prefix, minus the penalties for repeating a word and for an early end."""

    @override
    def begin(self, reference: Reference) -> BleuPrefixState:
        ngrams, length_B1 = NgramMatches.begin(reference, _ORDERS), reference.length_B[:, None]
        length_J = torch.arange(ngrams.left_BNJ.shape[-1], device=length_B1.device)
        return BleuPrefixState(
            ngrams=ngrams,
            penalty_BJ=brevity(length_J, length_B1) * (length_J > 0) * (length_B1 > 0),
            last_B=torch.full_like(reference.tokens_BT[:, 0], reference.symbols.eos),
        )

    @override
    def candidates(self, state: BleuPrefixState) -> Increments:
        ngrams, slots = state.ngrams, state.ngrams.slots
        now_B, then_B = state.per_root_B(ngrams.length), state.per_root_B(ngrams.length + 1)
        root_BJ = slots.best((ngrams.matches_BN[:, :, None] + ngrams.gains_BNJ + 1.0).prod(1)).sqrt().sqrt()
        root_B = root_BJ[:, -1]
        value_BJ = root_BJ * then_B[:, None] - (root_B * now_B)[:, None]
        value_BJ = torch.add(value_BJ, slots.taken(state.last_B), alpha=-1)
        value_BJ[:, -1] = -(slots.length_B > ngrams.length).float()
        return slots.increments(root_B * (then_B - now_B), value_BJ)

    @override
    def advance(self, state: BleuPrefixState, token_B: Int[Tensor, " B"]) -> BleuPrefixState:
        return replace(state, ngrams=state.ngrams.advance(token_B), last_B=token_B)
