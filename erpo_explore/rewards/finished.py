"""Rewards that score finished targets only, as text, one call per batch.

Legend: B batch, L hypothesis length.

    R(y | y*) = f(text of y, text of y*),    r_t(v) = 0

Their increments are 0, so they work with the estimators that weight whole targets: policy gradient, minimum risk,
target policy, the sequence-level E-step at α > 0, and the choice among n-gram replacements.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["Decode", "FinishedReward", "FinishedState"]

Decode = Callable[[Sequence[int]], str]
"""Maps ids to text, such as a vocabulary's `decode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedState(Rows):
    """The references; nothing depends on the prefix."""

    reference: Reference


class FinishedReward(MetricReward[FinishedState]):
    """R by a function that scores texts."""

    def __init__(self, function: Callable[[list[str], list[str]], list[float]], decode: Decode) -> None:
        """A reward from a function.

        Args:
            function: Scores hypotheses against their references, one number each.
            decode: Maps target ids to text.
        """
        self.function = function
        self.decode = decode

    @override
    def begin(self, reference: Reference) -> FinishedState:
        return FinishedState(reference=reference)

    @override
    def candidates(self, state: FinishedState) -> Increments:
        return Increments.alike(torch.zeros_like(state.reference.length_B), state.reference.num_tokens)

    @override
    def advance(self, state: FinishedState, token_B: Int[Tensor, " B"]) -> FinishedState:
        return state

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R of each hypothesis, by one call of the function; a hypothesis without EOS is scored as it is."""
        decoded = self._texts(reference.tokens_BT, reference.keep_BT)
        references = [
            text if kept is None else kept for text, kept in zip(decoded, reference.kept_texts(), strict=True)
        ]
        scores = self.function(self._texts(tokens_BL, keep_BL), references)
        return torch.tensor(scores, dtype=torch.float32, device=tokens_BL.device)

    def _texts(self, tokens_BX: Int[Tensor, "B X"], keep_BX: Bool[Tensor, "B X"]) -> list[str]:
        rows = zip(tokens_BX.tolist(), keep_BX.tolist(), strict=True)
        return [self.decode([token for token, keep in zip(*row, strict=True) if keep]) for row in rows]
