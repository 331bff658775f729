"""Minus the Levenshtein distance in words, as a sum of increments.

Legend: B batch, L hypothesis length, J slots of candidates: slot j follows y*_1..y*_j, and the last one is EOS.

    Φ(prefix)   = −min_j D_j,   D_j the distance of the prefix to y*_1..y*_j
    Φ(finished) = −D_|y*|

The potential of a prefix is the reward of its best completion, so a word costs 1 unless it is one of the best next
words. This is RAML's payoff (Norouzi et al. 2016), and its increments are the optimal Q values of optimal completion
distillation (Sabour et al. 2018).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.base import PotentialReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.slots import Slots
from erpo_explore.rows import Rows

__all__ = ["EditReward", "EditState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditState(Rows):
    """One row of the Levenshtein table.

    Attributes:
        slots: The candidates.
        position_BJ: j.
        excess_BJ: D_j − j for j = 0..T.
    """

    slots: Slots
    position_BJ: Float[Tensor, "B J"]
    excess_BJ: Float[Tensor, "B J"]

    @property
    def distance_BJ(self) -> Float[Tensor, "B J"]:
        """D_j. After the last word nothing matches, so D_j there is not below the minimum up to that word."""
        return self.excess_BJ + self.position_BJ

    @property
    def last_B1(self) -> Float[Tensor, "B 1"]:
        """D_|y*|."""
        return self.distance_BJ.gather(1, self.slots.length_B.long()[:, None])


class EditReward(PotentialReward[EditState]):
    """−Levenshtein(y, y*), in words."""

    @override
    def begin(self, reference: Reference) -> EditState:
        """The empty prefix: D_j = j."""
        slots = Slots.of(reference)
        shape, device = slots.word_BJ.shape, slots.word_BJ.device
        position_BJ = torch.arange(shape[1], device=device).float().expand(shape)
        return EditState(slots=slots, position_BJ=position_BJ, excess_BJ=torch.zeros_like(position_BJ))

    @override
    def candidates(self, state: EditState) -> Increments:
        """0 for a best next word, −1 for any other word; for EOS, minus the number of missing edits."""
        best_B1 = state.distance_BJ.amin(1, keepdim=True)
        value_BJ = state.slots.best((state.distance_BJ == best_B1).float()) - 1.0
        value_BJ[:, -1:] = best_B1 - state.last_B1
        return state.slots.increments(torch.full_like(state.slots.length_B, -1.0), value_BJ)

    @override
    def potential(self, state: EditState) -> Float[Tensor, " B"]:
        return -state.distance_BJ.amin(1)

    @override
    def advance(self, state: EditState, token_B: Int[Tensor, " B"]) -> EditState:
        """D'_j = min(D_j + 1, D_(j−1) + 1[y*_j ≠ v], D'_(j−1) + 1), computed on D_j − j.

        On D_j − j the terms are D_j + 1, D_(j−1) − 1[y*_j = v], and a running minimum.
        """
        excess_BJ = state.excess_BJ + 1.0
        substituted_BJ = torch.add(state.excess_BJ, state.slots.taken(token_B), alpha=-1)
        excess_BJ[:, 1:] = torch.minimum(excess_BJ[:, 1:], substituted_BJ[:, :-1])
        return replace(state, excess_BJ=excess_BJ.cummin(dim=1).values)

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R from the last row of each hypothesis's table: the sum of the increments, in one pass."""
        is_eos_BL = tokens_BL == reference.symbols.eos
        words_BL = keep_BL & ~is_eos_BL
        state = self.begin(reference)
        for t in range(tokens_BL.shape[1]):
            after = self.advance(state, tokens_BL[:, t])
            state = replace(state, excess_BJ=torch.where(words_BL[:, t, None], after.excess_BJ, state.excess_BJ))
        ended_B = (keep_BL & is_eos_BL).any(1)
        return -torch.where(ended_B, state.last_B1[:, 0], state.distance_BJ.amin(1))
