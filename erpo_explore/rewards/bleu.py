"""Smoothed sentence BLEU, 0–1, as a sum of increments.

Legend: B batch, N = 4 orders, J slots of candidates (the last one is EOS).

    Φ(prefix)   = (Π_n (m_n + 1[n>1]) / (max(l − n + 1, 0) + 1[n>1]))^(1/4),  0 without a match
    Φ(finished) = Φ(prefix) · min(1, exp(1 − |y*| / l))

with m_n clipped matches and l words. Finished, it equals sacrebleu's sentence BLEU (add-k smoothing, k = 1, effective
order) over 100. The brevity penalty enters at EOS alone, so that a prefix is not punished for being one.
"""

import math
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches

__all__ = ["BleuReward"]

_ORDERS: Final = 4


class BleuReward(MetricReward[NgramMatches]):
    """Sentence BLEU of the hypothesis against its reference."""

    def begin(self, reference: Reference) -> NgramMatches:
        """No word yet."""
        return NgramMatches.begin(reference, _ORDERS)

    def candidates(self, state: NgramMatches) -> Increments:
        """ΔΦ of every candidate."""
        now, then = _per_match(state.length), _per_match(state.length + 1)
        root_BJ = state.slots.best(_root(state.matches_BN[:, :, None] + state.gains_BNJ))
        root_B = root_BJ[:, -1]
        value_BJ = root_BJ * then - (root_B * now)[:, None]
        value_BJ[:, -1] = root_B * now * (brevity(state.length, state.slots.length_B) - 1.0)
        return state.slots.increments(root_B * (then - now), value_BJ)

    def advance(self, state: NgramMatches, token_B: Int[Tensor, " B"]) -> NgramMatches:
        """One more word."""
        return state.advance(token_B)


def brevity(length: int, reference_B: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """min(1, exp(1 − |y*| / l)); l = 0 is taken for 1."""
    return torch.exp((1.0 - reference_B / max(length, 1)).clamp(max=0.0))


def _root(matches_BNJ: Float[Tensor, "B N J"]) -> Float[Tensor, "B J"]:
    """(Π_n (m_n + 1[n>1]))^(1/4), which is 0 where no word matches."""
    matches_BNJ[:, 1:] += 1.0
    return matches_BNJ.prod(1).sqrt().sqrt()


def _per_match(length: int) -> float:
    """(Π_n (max(l − n + 1, 0) + 1[n>1]))^(−1/4); 0 of no words, as is Φ then."""
    totals = [max(length - n + 1, 0) + (n > 1) for n in range(1, _ORDERS + 1)]
    return math.prod(totals) ** -0.25 if length > 0 else 0.0
