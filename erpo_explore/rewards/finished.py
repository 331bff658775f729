"""Rewards that score finished targets alone: as text, a batch at a time.

Legend: B batch, L hypothesis length.

    R(y | y*) = f(text of y, text of y*),    r_t(v) = 0

They say nothing of a next token, so they serve the estimators that weigh whole targets: policy gradient, minimum risk,
target policy, the sequence-level E-step with the model in it, and the choice among n-gram replacements.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import MetricReward, Reference
from erpo_explore.rewards.function import ScoreFunction, checked_scores
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows

__all__ = ["Decode", "FinishedReward", "FinishedState"]

Decode = Callable[[Sequence[int]], str]
"""Text of some ids, such as a vocabulary's `decode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedState(Rows):
    """Nothing of the prefix."""

    reference: Reference


class FinishedReward(MetricReward[FinishedState]):
    """R of a function that scores texts."""

    def __init__(self, name: str, function: ScoreFunction, decode: Decode) -> None:
        """Bind a function to a vocabulary.

        Args:
            name: What errors call the function.
            function: Scores hypotheses against their references, each in [0, 1].
            decode: Text of target ids.
        """
        self.name = name
        self.function = function
        self.decode = decode

    def begin(self, reference: Reference) -> FinishedState:
        """Nothing."""
        return FinishedState(reference=reference)

    def candidates(self, state: FinishedState) -> Increments:
        """0 for every token."""
        return Increments.alike(torch.zeros_like(state.reference.length_B), state.reference.num_tokens)

    def advance(self, state: FinishedState, token_B: Int[Tensor, " B"]) -> FinishedState:
        """Still nothing."""
        return state

    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R of each hypothesis, by one call of the function; one without EOS is scored as it stands.

        Raises:
            ConfigError: The function returned anything but one number in [0, 1] a hypothesis.
        """
        hypotheses = self._texts(tokens_BL, keep_BL)
        scores = checked_scores(
            self.name, self.function, hypotheses, self._texts(reference.tokens_BT, reference.keep_BT)
        )
        return torch.tensor(scores, dtype=torch.float32, device=tokens_BL.device)

    def _texts(self, tokens_BX: Int[Tensor, "B X"], keep_BX: Bool[Tensor, "B X"]) -> list[str]:
        rows = zip(tokens_BX.tolist(), keep_BX.tolist(), strict=True)
        return [self.decode([token for token, keep in zip(*row, strict=True) if keep]) for row in rows]
