"""One training step's inputs, as an estimator gets them.

Legend: B sources, K draws per source, R = B · K rows (the draws of one source are adjacent).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.erpo.candidates import Candidates
from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.reward_statistics import RewardStatistics, reward_statistics
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point

__all__ = ["Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An encoded batch at a point, one row per target.

    Attributes:
        point: The point that is trained at.
        reward: Its reward, bound to the task.
        model: p_θ.
        memory: The encoded sources, one row per target.
        reference: y*, one row per target.
        max_tokens: Maximum length of a target that is drawn token by token, at least that of the references. A longer
            target is cut and gets no EOS.
        generator: Source of every random draw.
        num_draws: K.
        anchor: The model that q or the penalty reads in the place of p_θ, in evaluation mode; None where it is p_θ.
        anchor_memory: The sources as the anchor encodes them, one row per target.
        candidates: The candidates of each source, one row per target; None where the point draws none.
    """

    point: Point
    reward: MixtureReward
    model: Seq2Seq
    memory: Memory
    reference: Reference
    max_tokens: int
    generator: torch.Generator
    num_draws: int = 1
    anchor: Seq2Seq | None = None
    anchor_memory: Memory | None = None
    candidates: Candidates | None = None

    def __post_init__(self) -> None:
        if self.point.blend:
            raise ValueError(f"a blend is trained part by part, see erpo_explore.erpo.blend; got {self.point}")

    def repeated(self, num_draws: int) -> "Step":
        """K adjacent rows per source, from a step with one row per source."""
        if num_draws == 1:
            return self
        tokens_BT = self.reference.tokens_BT
        row_R = torch.arange(len(tokens_BT), device=tokens_BT.device).repeat_interleave(num_draws)
        return replace(self._take(row_R), num_draws=num_draws)

    def first_rows(self) -> "Step":
        """One row per source: the inverse of `repeated`."""
        tokens_RT = self.reference.tokens_BT
        row_B = torch.arange(0, len(tokens_RT), self.num_draws, device=tokens_RT.device)
        return replace(self._take(row_B), num_draws=1)

    def without_first(self) -> "Step":
        """The rows of all draws but the first of each source."""
        row_R = torch.arange(len(self.reference.tokens_BT), device=self.reference.tokens_BT.device)
        return replace(self._take(row_R.view(-1, self.num_draws)[:, 1:].flatten()), num_draws=self.num_draws - 1)

    def settled(self) -> "Step":
        """The step with the decoder's dropout drawn, so that sampling and the loss use the same dropout."""
        return replace(self, memory=self.model.settle(self.memory, self.max_tokens))

    def of_anchor(self) -> "Step":
        """The same step with the anchor as the model.

        Raises:
            ValueError: The step has no anchor.
        """
        if self.anchor is None or self.anchor_memory is None:
            raise ValueError(f"the step has no anchor, which the point reads: {self.point}")
        return replace(self, model=self.anchor, memory=self.anchor_memory)

    def scores(self, draw: Draw) -> Float[Tensor, " R"]:
        """R(y | y*) of each target under the point's reward."""
        return self.reward.score(self.reference, draw.labels_RT, draw.keep_RT)

    def grouped(self, value_R: Tensor) -> Tensor:
        """[B, K]: the values of each source's draws side by side."""
        return value_R.view(-1, self.num_draws)

    def reward_statistics(self, reward_R: Tensor | None, weight_BK: Tensor | None = None) -> RewardStatistics | None:
        """Statistics of R in the metric's own unit, without the reward's temperature; None for None.

        Args:
            reward_R: R of each target, as `scores` returns it.
            weight_BK: Weights of each source's draws, which sum to 1. Default: all draws count alike.
        """
        if reward_R is None:
            return None
        return reward_statistics(self.grouped(reward_R), self.point.reward.temperature, weight_BK)

    def _take(self, row_N: Tensor) -> "Step":
        anchor_memory = None if self.anchor_memory is None else self.anchor_memory.take(row_N)
        return replace(
            self,
            memory=self.memory.take(row_N),
            reference=self.reference.take(row_N),
            anchor_memory=anchor_memory,
            candidates=None if self.candidates is None else self.candidates.take(row_N),
        )
