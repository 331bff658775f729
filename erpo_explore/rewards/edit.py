"""Minus the Levenshtein distance, as a sum of increments.

Legend: B batch, T reference length, V vocabulary.

    Φ(prefix)   = −min_j D_j,   D_j the distance of the prefix to y*_1..y*_j
    Φ(finished) = −D_|y*|

A prefix is worth what its best completion would be, so a word costs 1 unless it is one of the best next words: RAML's
payoff (Norouzi et al. 2016) and the optimal Q values of optimal completion distillation (Sabour et al. 2018).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference, TokenReward

__all__ = ["EditReward", "EditState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditState:
    """One row of the Levenshtein table.

    Attributes:
        reference: What the prefix is compared with.
        row_BJ: D_j for j = 0..T; +∞ past the reference's last word.
    """

    reference: Reference
    row_BJ: Float[Tensor, "B J"]


class EditReward(TokenReward[EditState]):
    """−Levenshtein(y, y*), in words."""

    def begin(self, reference: Reference) -> EditState:
        """The empty prefix is j deletions away from y*_1..y*_j."""
        places_J = torch.arange(reference.tokens_BT.shape[1] + 1, device=reference.tokens_BT.device).float()
        beyond_BJ = places_J[None, :] > reference.length_B[:, None]
        return EditState(
            reference=reference, row_BJ=places_J.repeat(beyond_BJ.shape[0], 1).masked_fill(beyond_BJ, torch.inf)
        )

    def increments(self, state: EditState, log_p_BV: Tensor | None = None) -> Float[Tensor, "B V"]:
        """0 for a best next word, −1 for any other; what is still missing for EOS."""
        reference, best_B = state.reference, state.row_BJ.amin(1)
        values_BV = torch.full((best_B.shape[0], reference.num_tokens), -1.0, device=best_B.device)
        optimal_BT = reference.matchable_BT & (state.row_BJ[:, :-1] == best_B[:, None])
        # scattered as a maximum, since a word may be optimal at one place and not at another
        values_BV = values_BV.scatter_reduce(1, reference.tokens_BT, optimal_BT.float() - 1.0, "amax")
        last_B = state.row_BJ.gather(1, reference.length_B.long()[:, None])[:, 0]
        values_BV[:, reference.symbols.eos] = best_B - last_B
        return values_BV

    def advance(self, state: EditState, token_B: Int[Tensor, " B"]) -> EditState:
        """D'_j = min(D_j + 1, D_(j−1) + 1[y*_j ≠ v], D'_(j−1) + 1); the last term as a running minimum of D'_j − j."""
        reference = state.reference
        differs_BT = ~(reference.matchable_BT & (reference.tokens_BT == token_B[:, None]))
        without_insertions_BJ = torch.cat(
            [
                state.row_BJ[:, :1] + 1.0,
                torch.minimum(state.row_BJ[:, 1:] + 1.0, state.row_BJ[:, :-1] + differs_BT.float()),
            ],
            dim=1,
        )
        places_J = torch.arange(state.row_BJ.shape[1], device=state.row_BJ.device).float()
        row_BJ = (without_insertions_BJ - places_J).cummin(dim=1).values + places_J
        beyond_BJ = places_J[None, :] > reference.length_B[:, None]
        return EditState(reference=reference, row_BJ=row_BJ.masked_fill(beyond_BJ, torch.inf))
