"""Smoothed sentence BLEU, 0–1, as a sum of increments.

Legend: B batch, L hypothesis length, N = 4 orders, J slots of candidates (the last one is EOS).

    Φ(prefix)   = (Π_n (m_n + 1[n>1]) / (max(l − n + 1, 0) + 1[n>1]))^(1/4),  0 without a match
    Φ(finished) = Φ(prefix) · min(1, exp(1 − |y*| / l))

with m_n clipped matches and l words. Finished, it equals sacrebleu's sentence BLEU (add-k smoothing, k = 1, effective
order) over 100. The brevity penalty enters at EOS alone, so that a prefix is not punished for being one.
"""

import math
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches, clipped_matches

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
        root_BJ = _root(state.slots.best(_product(state.matches_BN[:, :, None] + state.gains_BNJ)))
        root_B = root_BJ[:, -1]
        value_BJ = torch.add(root_BJ * then, root_B[:, None], alpha=-now)
        value_BJ[:, -1] = root_B * (now * (brevity(float(max(state.length, 1)), state.slots.length_B) - 1.0))
        return state.slots.increments(root_B * (then - now), value_BJ)

    def advance(self, state: NgramMatches, token_B: Int[Tensor, " B"]) -> NgramMatches:
        """One more word."""
        return state.advance(token_B)

    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """The sum of the increments, from the matches of whole hypotheses."""
        is_eos_BL = tokens_BL == reference.symbols.eos
        words_BL = keep_BL & ~is_eos_BL
        length_B = words_BL.sum(1).float()
        root_B = _root(_product(clipped_matches(reference, tokens_BL, words_BL, _ORDERS)))
        before_N = torch.arange(_ORDERS, device=length_B.device)
        # no total is 0 where a word matches, and the root is 0 where none does
        total_BN = ((length_B[:, None] - before_N).clamp(min=0.0) + (before_N > 0)).clamp(min=1.0)
        value_B = root_B / _root(total_BN.prod(1))
        ended_B = (keep_BL & is_eos_BL).any(1)
        return torch.where(ended_B, value_B * brevity(length_B.clamp(min=1.0), reference.length_B), value_B)


def brevity(length: float | Float[Tensor, " B"], reference_B: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """The brevity penalty min(1, exp(1 − |y*| / l)) of l ≥ 1 words."""
    return torch.exp((1.0 - reference_B / length).clamp(max=0.0))


def _product(matches_BNX: Float[Tensor, "B N *X"]) -> Float[Tensor, "B *X"]:
    """Π_n (m_n + 1[n>1]), which is 0 where no word matches; overwrites what it is given."""
    matches_BNX[:, 1:] += 1.0
    return matches_BNX.prod(1)


def _root(product_X: Float[Tensor, "*X"]) -> Float[Tensor, "*X"]:
    """The fourth root."""
    return product_X.sqrt().sqrt()


def _per_match(length: int) -> float:
    """(Π_n (max(l − n + 1, 0) + 1[n>1]))^(−1/4); 0 of no words, as is Φ then."""
    totals = [max(length - n + 1, 0) + (n > 1) for n in range(1, _ORDERS + 1)]
    return math.prod(totals) ** -0.25 if length > 0 else 0.0
