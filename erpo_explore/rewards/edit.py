"""Minus the Levenshtein distance, as a sum of increments.

Legend: B batch, J slots of candidates, and places before them: slot j follows y*_1..y*_j; the last one is EOS.

    Φ(prefix)   = −min_j D_j,   D_j the distance of the prefix to y*_1..y*_j
    Φ(finished) = −D_|y*|

A prefix is worth what its best completion would be, so a word costs 1 unless it is one of the best next words: RAML's
payoff (Norouzi et al. 2016) and the optimal Q values of optimal completion distillation (Sabour et al. 2018).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.slots import Slots
from erpo_explore.rows import Rows

__all__ = ["EditReward", "EditState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditState(Rows):
    """One row of the Levenshtein table.

    Attributes:
        slots: What the prefix is compared with.
        place_BJ: j.
        beyond_BJ: True on places behind the reference's last word, which D_j of the others does not depend on.
        excess_BJ: D_j − j for j = 0..T.
    """

    slots: Slots
    place_BJ: Float[Tensor, "B J"]
    beyond_BJ: Bool[Tensor, "B J"]
    excess_BJ: Float[Tensor, "B J"]


class EditReward(MetricReward[EditState]):
    """−Levenshtein(y, y*), in words."""

    def begin(self, reference: Reference) -> EditState:
        """The empty prefix is j deletions away from y*_1..y*_j."""
        slots = Slots.of(reference)
        zeros_BJ = torch.zeros_like(slots.same_BJJ[:, 0])
        place_BJ = zeros_BJ + torch.arange(zeros_BJ.shape[1], device=zeros_BJ.device)
        beyond_BJ = place_BJ > slots.length_B[:, None]
        return EditState(slots=slots, place_BJ=place_BJ, beyond_BJ=beyond_BJ, excess_BJ=zeros_BJ)

    def candidates(self, state: EditState) -> Increments:
        """0 for a best next word, −1 for any other; what is still missing for EOS."""
        slots = state.slots
        row_BJ = (state.excess_BJ + state.place_BJ).masked_fill(state.beyond_BJ, torch.inf)
        best_B1 = row_BJ.amin(1, keepdim=True)
        value_BJ = slots.best((row_BJ == best_B1).float()) - 1.0
        last_B1 = row_BJ.gather(1, slots.length_B.long()[:, None])
        value_BJ[:, -1:] = best_B1 - last_B1
        return slots.increments(torch.full_like(slots.length_B, -1.0), value_BJ)

    def advance(self, state: EditState, token_B: Int[Tensor, " B"]) -> EditState:
        """D'_j = min(D_j + 1, D_(j−1) + 1[y*_j ≠ v], D'_(j−1) + 1), with all D less their j.

        That leaves D_j + 1, D_(j−1) − 1[y*_j = v], and for the last term a running minimum.
        """
        excess_BJ = state.excess_BJ + 1.0
        replaced_BJ = state.excess_BJ - state.slots.taken(token_B).float()
        excess_BJ[:, 1:] = torch.minimum(excess_BJ[:, 1:], replaced_BJ[:, :-1])
        return replace(state, excess_BJ=excess_BJ.cummin(dim=1).values)
