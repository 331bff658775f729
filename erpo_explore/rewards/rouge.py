"""Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1, 0–1, as a sum of increments.

Legend: B batch, L hypothesis length, J slots of candidates (the last one is EOS), N = 2 orders: words and pairs.

    Φ(finished) = (F_1 + F_2 + F_L) / 3,   F = 2 · overlap / (size of hypothesis + size of reference)

with overlap the clipped unigram or bigram matches, or the longest common subsequence, whose table grows by one row per
word. Oracle: the rouge-score package, with words split at spaces. In a prefix the beginning of the sentence and its
first word count as a pair, for the reason given in `bleu`; EOS takes that pair back.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad
from typing_extensions import override

from erpo_explore.rewards.base import PotentialReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches, clipped_matches
from erpo_explore.rewards.slots import NO_WORD, Slots
from erpo_explore.rows import Rows

__all__ = ["RougeReward", "RougeState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeState(Rows):
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped unigrams and bigrams.
        begun_B: Whether the first word is the reference's first word.
        size_BN: Number of words and of pairs in the reference, see `_reference_sizes`.
        lcs_BJ: Longest common subsequence of the prefix with the reference's words before each slot.
    """

    ngrams: NgramMatches
    begun_B: Bool[Tensor, " B"]
    size_BN: Float[Tensor, "B 2"]
    lcs_BJ: Float[Tensor, "B J"]

    @property
    def overlap_BN(self) -> Float[Tensor, "B 2"]:
        """Overlapping words, with those of ROUGE-L added, and overlapping pairs: F is proportional to them."""
        return self.ngrams.matches_BN + pad(self.lcs_BJ[:, -1:], (0, 1))


class RougeReward(PotentialReward[RougeState]):
    """Mean ROUGE F1 of the hypothesis against its reference."""

    @override
    def begin(self, reference: Reference) -> RougeState:
        ngrams = NgramMatches.begin(reference, 2)
        return RougeState(
            ngrams=ngrams,
            begun_B=torch.zeros_like(ngrams.open_BNJ[:, 0, 0]),
            size_BN=_reference_sizes(ngrams.slots.length_B),
            lcs_BJ=torch.zeros_like(ngrams.left_BNJ[:, 0]),
        )

    @override
    def candidates(self, state: RougeState) -> Increments:
        ngrams, slots, length = state.ngrams, state.ngrams.slots, state.ngrams.length
        overlap_BN = state.overlap_BN
        # with the beginning of the sentence there are as many pairs as words
        overlap_B, words_B = overlap_BN.sum(1) + state.begun_B, state.size_BN[:, :1]
        now_B, then_B = _per_overlap(length, words_B)[:, 0], _per_overlap(length + 1, words_B)[:, 0]
        other_B = (then_B - now_B) * overlap_B
        gains_BNJ = ngrams.gains_BNJ
        if length == 0:
            gains_BNJ[:, 1, 0] = slots.word_BJ[:, 0] != NO_WORD
        # y*_j extends the longest subsequence with the words before j by one
        longer_BJ = slots.best((state.lcs_BJ == state.lcs_BJ[:, -1:]).float())
        pairs_BJ = slots.best(gains_BNJ[:, 1].float())
        value_BJ = other_B[:, None] + then_B[:, None] * (gains_BNJ[:, 0] + longer_BJ + pairs_BJ)
        finished_B = (overlap_BN * _per_overlap(length, state.size_BN)).sum(1)
        value_BJ[:, -1] = finished_B - now_B * overlap_B
        return slots.increments(other_B, value_BJ)

    @override
    def potential(self, state: RougeState) -> Float[Tensor, " B"]:
        overlap_B = state.overlap_BN.sum(1) + state.begun_B
        return _per_overlap(state.ngrams.length, state.size_BN[:, :1])[:, 0] * overlap_B

    @override
    def advance(self, state: RougeState, token_B: Int[Tensor, " B"]) -> RougeState:
        taken_BJ = state.ngrams.slots.taken(token_B)
        return RougeState(
            ngrams=state.ngrams.advance(token_B),
            begun_B=taken_BJ[:, 0] if state.ngrams.length == 0 else state.begun_B,
            size_BN=state.size_BN,
            lcs_BJ=_next_row(state.lcs_BJ, taken_BJ),
        )

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R from the matches of whole hypotheses: the sum of the increments; only the table grows word by word."""
        is_eos_BL = tokens_BL == reference.symbols.eos
        words_BL = keep_BL & ~is_eos_BL
        slots = Slots.of(reference)
        lcs_BJ = torch.zeros(slots.word_BJ.shape, device=tokens_BL.device)
        for t in range(tokens_BL.shape[1]):
            lcs_BJ = _next_row(lcs_BJ, slots.taken(tokens_BL[:, t]) & words_BL[:, t, None])
        overlap_BN = clipped_matches(reference, tokens_BL, words_BL, 2) + pad(lcs_BJ[:, -1:], (0, 1))
        length_B1, size_BN = words_BL.sum(1, keepdim=True), _reference_sizes(slots.length_B)
        # [:, :1] is empty where there is no token, and so is the sum over it
        begun_B = (words_BL[:, :1] & (tokens_BL[:, :1] == slots.word_BJ[:, :1])).sum(1)
        prefix_B = _per_overlap(length_B1, size_BN[:, :1])[:, 0] * (overlap_BN.sum(1) + begun_B)
        ended_B = (keep_BL & is_eos_BL).any(1)
        return torch.where(ended_B, (overlap_BN * _per_overlap(length_B1, size_BN)).sum(1), prefix_B)


def _next_row(lcs_BJ: Float[Tensor, "B J"], taken_BJ: Bool[Tensor, "B J"]) -> Float[Tensor, "B J"]:
    """The table's row after one more word, which equals y*_j where `taken`."""
    longer_BJ = pad(((lcs_BJ + 1.0) * taken_BJ)[:, :-1], (1, 0))
    # a row never falls, so the running maximum is the recurrence over j
    return torch.maximum(lcs_BJ, longer_BJ).cummax(dim=1).values


def _reference_sizes(length_B: Float[Tensor, " B"]) -> Float[Tensor, "B 2"]:
    """Sizes that a hypothesis's l is added to: |y*| for words, at least 1; |y*| − 2 for pairs, at least 0.

    A hypothesis has l − 1 pairs and the reference |y*| − 1, together l + |y*| − 2. Where a bound is reached nothing
    overlaps, so the denominator does not matter.
    """
    return torch.stack([length_B.clamp(min=1.0), (length_B - 2.0).clamp(min=0.0)], dim=1)


def _per_overlap(length: int | Int[Tensor, "B 1"], size_BN: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Contribution to Φ of one overlapping word and of one overlapping pair at l words: 2 / (3 · sum of both sizes).

    F1 is 2PR / (P + R) with P = overlap / hypothesis and R = overlap / reference. Zero or one word has no pair.
    """
    at_least_one = length.clamp(min=1) if isinstance(length, Tensor) else max(length, 1)
    return (2.0 / 3.0) / (size_BN + at_least_one)
