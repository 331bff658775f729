"""What targets are sampled from, token by token."""

from dataclasses import dataclass

from erpo_explore.erpo.mixture import is_mixture
from erpo_explore.rewards import MixtureReward
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Point

__all__ = ["Proposal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The distribution that the sampler draws from, and what it records.

    Attributes:
        point: The point whose q̃ it is, with its prefix, label and forced share.
        reward: The point's reward, bound to the task.
        model: p_θ.
        from_model: Draw from p_θ itself instead of q̃, for estimators that weight the draws afterwards.
        with_z: Whether to record Σ log Z_t.
        with_logits: Whether to record the model's logits, where each step computes all of them.
        greedy: Take the model's most probable token; the baseline of self-critical training.
    """

    point: Point
    reward: MixtureReward
    model: Seq2Seq
    from_model: bool = False
    with_z: bool = False
    with_logits: bool = False
    greedy: bool = False

    @property
    def is_model(self) -> bool:
        """Whether targets come from p_θ itself, which at α → ∞ is q̃."""
        return self.greedy or self.from_model or self.point.is_policy_gradient

    @property
    def writes_prefix(self) -> bool:
        """Whether the model draws the prefix while q̃ gives the labels."""
        return self.point.prefix == "model" and not self.is_model

    @property
    def reads_model(self) -> bool:
        """Whether the model must read the prefix."""
        return self.is_model or self.writes_prefix or self.point.sampler_reads_model

    @property
    def keeps_logits(self) -> bool:
        """Whether every step projects every row, and the prefix continues with the label."""
        every_row = self.is_model or (self.point.sampler_reads_model and not is_mixture(self.point))
        return self.with_logits and every_row and self.point.prefix == "q" and self.point.label == "sampled"

    @property
    def reads_reward(self) -> bool:
        """Whether q̃ depends on the reward of a token."""
        return not self.is_model and (self.point.reward.task < 1.0 or self.point.reward.has_increments)

    @property
    def model_share(self) -> float:
        """The share of q̃ that `MixtureConditional` leaves out of the probabilities that it returns."""
        if self.is_model or not is_mixture(self.point) or self.point.label == "expected":
            return 0.0
        return self.point.reward.model
