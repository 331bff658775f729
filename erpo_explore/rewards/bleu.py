"""Smoothed sentence BLEU, 0–1, as a sum of increments.

Legend: B batch, L hypothesis length, N orders (4 by default), J slots of candidates (the last one is EOS).

    Φ(prefix)   = ( Π_n (m_n + b_n + 1[n>1]) / (max(l − n + 1 + 1[n>1], 0) + 1[n>1]) )^(1/N),  0 without a match
    Φ(finished) = ( Π_n (m_n + 1[n>1]) / (max(l − n + 1, 0) + 1[n>1]) )^(1/N) · min(1, exp(1 − |y*| / l))

with l words, m_n clipped matches, and b_n = 1 where n > 1 and the first n − 1 words are the reference's. The finished
value equals sacrebleu's sentence BLEU (add-k smoothing, k = 1, effective order) over 100. The brevity penalty enters at
EOS alone, so that a prefix is not penalised for its length. In a prefix the beginning of the sentence counts as a word
before the first one. Without that (b_n = 0) any word of the reference would give Φ = 1 at the first position, and
targets drawn by these increments would be rotations of the reference. The potential of prefixes does not change the
reward of whole targets (Ng, Harada & Russell 1999).
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.base import PotentialReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches, clipped_matches
from erpo_explore.rewards.slots import NO_WORD
from erpo_explore.rows import Rows

__all__ = ["BleuReward", "BleuState"]

_ORDERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BleuState(Rows):
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped matches.
        opening_B: Number of leading words, at most N − 1, that are the reference's leading words.
        plus_BN: b_n + 1[n>1].
        ones_BN: 1[n>1].
        brevity_BJ: The brevity penalty at l = 0..T words; the last entry also holds for more words.
    """

    ngrams: NgramMatches
    opening_B: Int[Tensor, " B"]
    plus_BN: Float[Tensor, "B N"]
    ones_BN: Float[Tensor, "B N"]
    brevity_BJ: Float[Tensor, "B J"]


class BleuReward(PotentialReward[BleuState]):
    """Sentence BLEU of the hypothesis against its reference."""

    def __init__(self, orders: int = _ORDERS) -> None:
        """BLEU of some orders.

        Args:
            orders: N, the longest n-grams that are counted.
        """
        self.orders = orders

    @override
    def begin(self, reference: Reference) -> BleuState:
        ngrams = NgramMatches.begin(reference, self.orders)
        length_J = torch.arange(ngrams.left_BNJ.shape[-1], device=ngrams.left_BNJ.device)
        ones_BN = torch.ones_like(ngrams.matches_BN)
        ones_BN[:, 0] = 0.0
        return BleuState(
            ngrams=ngrams,
            opening_B=torch.zeros_like(reference.tokens_BT[:, 0]),
            plus_BN=ones_BN,
            ones_BN=ones_BN,
            brevity_BJ=brevity(length_J, reference.length_B[:, None]),
        )

    @override
    def candidates(self, state: BleuState) -> Increments:
        ngrams, length, N = state.ngrams, state.ngrams.length, self.orders
        now, then = _per_match(length, N, bos=True), _per_match(length + 1, N, bos=True)
        gains_BNJ = ngrams.gains_BNJ
        if length < min(N, gains_BNJ.shape[-1]) - 1:
            gains_BNJ[:, length + 1, length] = (state.opening_B == length) & (
                ngrams.slots.word_BJ[:, length] != NO_WORD
            )
        product_BJ = ((ngrams.matches_BN + state.plus_BN)[:, :, None] + gains_BNJ).prod(1)
        root_BJ = _root(ngrams.slots.best(product_BJ), N)
        root_B = root_BJ[:, -1]
        value_BJ = torch.add(root_BJ * then, root_B[:, None], alpha=-now)
        brevity_B = state.brevity_BJ[:, min(length, value_BJ.shape[1] - 1)]
        finished_B = _root((ngrams.matches_BN + state.ones_BN).prod(1), N) * (brevity_B * _per_match(length, N))
        torch.add(finished_B, root_B, alpha=-now, out=value_BJ[:, -1])
        return ngrams.slots.increments(root_B * (then - now), value_BJ)

    @override
    def potential(self, state: BleuState) -> Float[Tensor, " B"]:
        product_B = (state.ngrams.matches_BN + state.plus_BN).prod(1)
        return _root(product_B, self.orders) * _per_match(state.ngrams.length, self.orders, bos=True)

    @override
    def advance(self, state: BleuState, token_B: Int[Tensor, " B"]) -> BleuState:
        opening_B, plus_BN, ngrams = state.opening_B, state.plus_BN, state.ngrams
        if ngrams.length < min(self.orders, ngrams.left_BNJ.shape[-1]) - 1:
            matches_B = ngrams.slots.taken(token_B)[:, ngrams.length]
            opening_B = opening_B + (matches_B & (opening_B == ngrams.length))
            plus_BN = state.ones_BN + _opening_ngrams(opening_B, self.orders)
        return replace(state, ngrams=ngrams.advance(token_B), opening_B=opening_B, plus_BN=plus_BN)

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R from the matches of whole hypotheses: the sum of the increments, in one pass."""
        is_eos_BL, N = tokens_BL == reference.symbols.eos, self.orders
        words_BL = keep_BL & ~is_eos_BL
        length_B = words_BL.sum(1)
        matches_BN = clipped_matches(reference, tokens_BL, words_BL, N)
        first = min(N - 1, tokens_BL.shape[1], reference.tokens_BT.shape[1])
        same_BL = (tokens_BL[:, :first] == reference.tokens_BT[:, :first]) & reference.matchable_BT[:, :first]
        opening_BN = _opening_ngrams((same_BL & words_BL[:, :first]).long().cumprod(1).sum(1), N)
        prefix_B = _root(_product(matches_BN + opening_BN), N) / _root(_totals(length_B, N, bos=True).prod(1), N)
        whole_B = _root(_product(matches_BN), N) / _root(_totals(length_B, N).prod(1), N)
        ended_B = (keep_BL & is_eos_BL).any(1)
        return torch.where(ended_B, whole_B * brevity(length_B, reference.length_B), prefix_B)


def brevity(length: Shaped[Tensor, "..."], reference: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The brevity penalty min(1, exp(1 − |y*| / l)) at l words, with l at least 1; the shapes broadcast."""
    return torch.exp((1.0 - reference / length.clamp(min=1)).clamp(max=0.0))


def _product(matches_BNX: Float[Tensor, "B N *X"]) -> Float[Tensor, "B *X"]:
    """Π_n (m_n + 1[n>1]), which is 0 where no word matches; overwrites its argument."""
    matches_BNX[:, 1:] += 1.0
    return matches_BNX.prod(1)


def _root(product_X: Float[Tensor, "*X"], orders: int) -> Float[Tensor, "*X"]:
    """The N-th root."""
    return product_X.sqrt().sqrt() if orders == _ORDERS else product_X.pow(1.0 / orders)


def _opening_ngrams(opening_B: Int[Tensor, " B"], orders: int) -> Bool[Tensor, "B N"]:
    """b_n: True for each order n where the n-gram at the beginning of the sentence matches."""
    before_N = torch.arange(orders, device=opening_B.device)
    return (before_N > 0) & (before_N <= opening_B[:, None])


def _totals(length_B: Int[Tensor, " B"], orders: int, *, bos: bool = False) -> Float[Tensor, "B N"]:
    """max(l − n + 1, 0) + 1[n>1], plus the n-gram at the beginning with `bos`; 1 in place of 0, at l = 0."""
    before_N = torch.arange(orders, device=length_B.device)
    higher_N = (before_N > 0).float()
    return ((length_B[:, None] - before_N + higher_N * bos).clamp(min=0.0) + higher_N).clamp(min=1.0)


def _per_match(length: int, orders: int, *, bos: bool = False) -> float:
    """Π_n (totals at `length` words)^(−1/N); 0 at no words, where Φ = 0."""
    totals = [max(length - before + (before > 0) * bos, 0) + (before > 0) for before in range(orders)]
    return float(math.prod(totals) ** (-1.0 / orders)) if length > 0 else 0.0
