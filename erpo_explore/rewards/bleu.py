"""Smoothed sentence BLEU, 0–1, as a sum of increments.

Legend: B batch, N = 4 orders, T reference length, V vocabulary.

    Φ(prefix)   = (Π_n (m_n + 1[n>1]) / (max(l − n + 1, 0) + 1[n>1]))^(1/4),  0 without a match
    Φ(finished) = Φ(prefix) · min(1, exp(1 − |y*| / l))

with m_n clipped matches and l words. Finished, it equals sacrebleu's sentence BLEU (add-k smoothing, k = 1, effective
order) over 100. The brevity penalty enters at EOS alone, so that a prefix is not punished for being one.
"""

from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference, TokenReward
from erpo_explore.rewards.ngrams import NgramMatches

__all__ = ["BleuReward"]

_ORDERS: Final = 4


class BleuReward(TokenReward[NgramMatches]):
    """Sentence BLEU of the hypothesis against its reference."""

    def begin(self, reference: Reference) -> NgramMatches:
        """No word yet."""
        return NgramMatches.begin(reference, _ORDERS)

    def increments(self, state: NgramMatches, log_p_BV: Tensor | None = None) -> Float[Tensor, "B V"]:
        """ΔΦ of every candidate."""
        now_B = _precision(state.matches_BN, state.length_B)
        longer_B = state.length_B + 1.0
        other_B = _precision(state.matches_BN, longer_B) - now_B
        matches_BTN = (state.matches_BN[:, :, None] + state.gains_BNT).transpose(1, 2)
        at_BT = _precision(matches_BTN, longer_B[:, None].expand(matches_BTN.shape[:2])) - now_B[:, None]
        brevity_B = torch.exp((1.0 - state.reference.length_B / state.length_B.clamp(min=1.0)).clamp(max=0.0))
        return state.spread(other_B, at_BT, now_B * brevity_B - now_B)

    def advance(self, state: NgramMatches, token_B: Int[Tensor, " B"]) -> NgramMatches:
        """One more word."""
        return state.advance(token_B)


def _precision(matches_XN: Float[Tensor, "*X N"], length_X: Float[Tensor, "*X"]) -> Float[Tensor, "*X"]:
    """Geometric mean of the smoothed n-gram precisions; 0 where no word matches."""
    n = torch.arange(1, _ORDERS + 1, device=matches_XN.device)
    smooth = (n > 1).float()
    total_XN = (length_X[..., None] - n + 1.0).clamp(min=0.0) + smooth
    # clamp only guards log where nothing matches, which `where` then sets to 0
    log_X = ((matches_XN + smooth).clamp(min=1e-9).log() - total_XN.clamp(min=1e-9).log()).mean(-1)
    return torch.where(matches_XN[..., 0] > 0, log_X.exp(), 0.0)
