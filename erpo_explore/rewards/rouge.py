"""Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1, 0–1, as a sum of increments.

Legend: B batch, T reference length, V vocabulary.

    Φ(prefix) = (F_1 + F_2 + F_L) / 3,   F = 2 · overlap / (size of hypothesis + size of reference)

with overlap the clipped unigram or bigram matches, or the longest common subsequence, whose table grows by one row a
word. The end of a hypothesis changes nothing, so EOS adds 0. Oracle: the rouge-score package, words split at spaces.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference, TokenReward
from erpo_explore.rewards.ngrams import NgramMatches

__all__ = ["RougeReward", "RougeState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeState:
    """Matches of the prefix.

    Attributes:
        ngrams: Clipped unigrams and bigrams.
        lcs_BT: Longest common subsequence of the prefix with y*_1..y*_j, for every j.
    """

    ngrams: NgramMatches
    lcs_BT: Float[Tensor, "B T"]


class RougeReward(TokenReward[RougeState]):
    """Mean ROUGE F1 of the hypothesis against its reference."""

    def begin(self, reference: Reference) -> RougeState:
        """No word yet."""
        return RougeState(
            ngrams=NgramMatches.begin(reference, 2),
            lcs_BT=torch.zeros(reference.tokens_BT.shape, device=reference.tokens_BT.device),
        )

    def increments(self, state: RougeState, log_p_BV: Tensor | None = None) -> Float[Tensor, "B V"]:
        """ΔΦ of every candidate."""
        ngrams, lcs_B = state.ngrams, state.lcs_BT[:, -1]
        now_B = self._potential(ngrams, ngrams.matches_BN, lcs_B, ngrams.length_B)
        longer_B = ngrams.length_B + 1.0
        other_B = self._potential(ngrams, ngrams.matches_BN, lcs_B, longer_B) - now_B

        # taking y*_j makes a subsequence one longer than the best with y*_1..y*_(j−1); it may stand elsewhere too
        extended_BT = _before(state.lcs_BT) + 1.0
        best_BT = (ngrams.same_BTT * extended_BT[:, None, :]).amax(-1)
        matches_BTN = (ngrams.matches_BN[:, :, None] + ngrams.gains_BNT).transpose(1, 2)
        at_BT = self._potential(ngrams, matches_BTN, torch.maximum(lcs_B[:, None], best_BT), longer_B[:, None])
        return ngrams.spread(other_B, at_BT - now_B[:, None], torch.zeros_like(now_B))

    def advance(self, state: RougeState, token_B: Int[Tensor, " B"]) -> RougeState:
        """One more word, one more row of the table."""
        reference = state.ngrams.reference
        taken_BT = reference.matchable_BT & (reference.tokens_BT == token_B[:, None])
        # a row of the table never falls, so the running maximum is the recurrence over j
        row_BT = torch.where(taken_BT, _before(state.lcs_BT) + 1.0, state.lcs_BT).cummax(dim=1).values
        return RougeState(ngrams=state.ngrams.advance(token_B), lcs_BT=row_BT)

    @staticmethod
    def _potential(ngrams: NgramMatches, matches_XN: Tensor, lcs_X: Tensor, length_X: Tensor) -> Tensor:
        reference_X = ngrams.reference.length_B.reshape(-1, *[1] * (lcs_X.dim() - 1))
        unigrams = _f1(matches_XN[..., 0], length_X, reference_X)
        bigrams = _f1(matches_XN[..., 1], (length_X - 1.0).clamp(min=0.0), (reference_X - 1.0).clamp(min=0.0))
        return (unigrams + bigrams + _f1(lcs_X, length_X, reference_X)) / 3.0


def _f1(overlap: Tensor, hypothesis: Tensor, reference: Tensor) -> Tensor:
    """2PR / (P + R) with P = overlap / hypothesis and R = overlap / reference, 0 where one of them is empty."""
    return 2.0 * overlap / (hypothesis + reference).clamp(min=1.0)


def _before(row_BT: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """The row's value one place earlier, 0 before the first."""
    return torch.nn.functional.pad(row_BT[:, :-1], (1, 0))
