"""Smoothed sentence BLEU, 0–1, as a sum of increments.

Legend: B batch, L hypothesis length, N = 4 orders, J slots of candidates (the last one is EOS).

    Φ(prefix)   = (Π_n (m_n + 1[n>1]) / (max(l − n + 1, 0) + 1[n>1]))^(1/4),  0 without a match
    Φ(finished) = Φ(prefix) · min(1, exp(1 − |y*| / l))

with m_n clipped matches and l words. Finished, it equals sacrebleu's sentence BLEU (add-k smoothing, k = 1, effective
order) over 100. The brevity penalty enters at EOS alone, so that a prefix is not punished for being one.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches, clipped_matches
from erpo_explore.rows import Rows

__all__ = ["BleuReward", "BleuState"]

_ORDERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BleuState(Rows):
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped matches.
        shortness_BJ: What the brevity penalty takes off, as a share, for l = 0..T words; nothing from there on.
    """

    ngrams: NgramMatches
    shortness_BJ: Float[Tensor, "B J"]


class BleuReward(MetricReward[BleuState]):
    """Sentence BLEU of the hypothesis against its reference."""

    def begin(self, reference: Reference) -> BleuState:
        """No word yet."""
        ngrams = NgramMatches.begin(reference, _ORDERS)
        length_J = torch.arange(ngrams.left_BNJ.shape[-1], device=ngrams.left_BNJ.device)
        return BleuState(ngrams=ngrams, shortness_BJ=1.0 - brevity(length_J, reference.length_B[:, None]))

    def candidates(self, state: BleuState) -> Increments:
        """ΔΦ of every candidate."""
        ngrams, length = state.ngrams, state.ngrams.length
        now, then = _per_match(length), _per_match(length + 1)
        root_BJ = _root(ngrams.slots.best(_product(ngrams.matches_BN[:, :, None] + ngrams.gains_BNJ)))
        root_B = root_BJ[:, -1]
        value_BJ = torch.add(root_BJ * then, root_B[:, None], alpha=-now)
        value_BJ[:, -1] = root_B * state.shortness_BJ[:, min(length, value_BJ.shape[1] - 1)] * -now
        return ngrams.slots.increments(root_B * (then - now), value_BJ)

    def advance(self, state: BleuState, token_B: Int[Tensor, " B"]) -> BleuState:
        """One more word."""
        return BleuState(ngrams=state.ngrams.advance(token_B), shortness_BJ=state.shortness_BJ)

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
        return torch.where(ended_B, value_B * brevity(length_B, reference.length_B), value_B)


def brevity(length: Shaped[Tensor, "..."], reference: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The brevity penalty min(1, exp(1 − |y*| / l)) after l words, or after one where l = 0; the shapes broadcast."""
    return torch.exp((1.0 - reference / length.clamp(min=1)).clamp(max=0.0))


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
