"""Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1, 0–1, as a sum of increments.

Legend: B batch, J slots of candidates (the last one is EOS).

    Φ(prefix) = (F_1 + F_2 + F_L) / 3,   F = 2 · overlap / (size of hypothesis + size of reference)

with overlap the clipped unigram or bigram matches, or the longest common subsequence, whose table grows by one row a
word. The end of a hypothesis changes nothing, so EOS adds 0. Oracle: the rouge-score package, words split at spaces.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.ngrams import NgramMatches
from erpo_explore.rewards.slots import after_place
from erpo_explore.rows import Rows

__all__ = ["RougeReward", "RougeState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeState(Rows):
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped unigrams and bigrams.
        lcs_BJ: Longest common subsequence of the prefix with the reference's words before each slot.
    """

    ngrams: NgramMatches
    lcs_BJ: Float[Tensor, "B J"]


class RougeReward(MetricReward[RougeState]):
    """Mean ROUGE F1 of the hypothesis against its reference."""

    def begin(self, reference: Reference) -> RougeState:
        """No word yet."""
        ngrams = NgramMatches.begin(reference, 2)
        return RougeState(ngrams=ngrams, lcs_BJ=torch.zeros_like(ngrams.run_BJ))

    def candidates(self, state: RougeState) -> Increments:
        """ΔΦ of every candidate: F is the overlap times a number of the step."""
        ngrams, slots, lcs_B1 = state.ngrams, state.ngrams.slots, state.lcs_BJ[:, -1:]
        gains_BNJ = ngrams.gains_BNJ.float()
        # saying y*_j makes a subsequence one longer than the best with the words before j
        best_BJ = torch.maximum(slots.best(state.lcs_BJ + 1.0), lcs_B1)
        words_B, pairs_B = _per_overlap(ngrams.length, slots.length_B)
        next_words_B, next_pairs_B = _per_overlap(ngrams.length + 1, slots.length_B)
        overlap_B = ngrams.matches_BN[:, 0] + lcs_B1[:, 0]
        now_B = overlap_B * words_B + ngrams.matches_BN[:, 1] * pairs_B
        other_B = overlap_B * next_words_B + ngrams.matches_BN[:, 1] * next_pairs_B - now_B
        gained_BJ = (gains_BNJ[:, 0] + best_BJ - lcs_B1) * next_words_B[:, None]
        value_BJ = other_B[:, None] + gained_BJ + slots.best(gains_BNJ[:, 1]) * next_pairs_B[:, None]
        value_BJ[:, -1] = 0.0
        return slots.increments(other_B, value_BJ)

    def advance(self, state: RougeState, token_B: Int[Tensor, " B"]) -> RougeState:
        """One more word, one more row of the table."""
        longer_BJ = after_place((state.lcs_BJ + 1.0) * state.ngrams.slots.taken(token_B))
        # a row of the table never falls, so the running maximum is the recurrence over j
        row_BJ = torch.maximum(state.lcs_BJ, longer_BJ).cummax(dim=1).values
        return RougeState(ngrams=state.ngrams.advance(token_B), lcs_BJ=row_BJ)


def _per_overlap(length: int, reference_B: Float[Tensor, " B"]) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """What one overlapping word and one overlapping pair of words add to Φ: 2 / (3 · (both sizes)); any where none is.

    F1 is 2PR / (P + R) with P = overlap / hypothesis and R = overlap / reference.
    """
    pairs_B = (reference_B - 1.0).clamp(min=0.0) + max(length - 1, 0)
    return (2.0 / 3.0) / (reference_B + length).clamp(min=1.0), (2.0 / 3.0) / pairs_B.clamp(min=1.0)
