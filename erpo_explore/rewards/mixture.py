"""The reward of a place on the simplex: what `space.Reward` means, in tensors.

Legend: B batch, T reference length, V vocabulary.

    r(v) = log( λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v) )

At the corner λ_task = 1 it is ΔΦ(v) / τ_R itself: the step's normaliser is the same for every v, so a token-level
sampler cannot tell, and the sum over the steps is then the metric, which a sequence-level one needs. Behind the
reference's end the truth is EOS. Two reference tokens that stand for padding or an unknown word are drawn only where
they are the truth.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference, TokenReward
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.edit import EditReward
from erpo_explore.rewards.rouge import RougeReward
from erpo_explore.space.reward import Reward

__all__ = ["METRIC_REWARDS", "MixtureReward", "MixtureState"]

METRIC_REWARDS: Final[dict[str, type[TokenReward[Any]]]] = {
    "bleu": BleuReward,
    "rouge": RougeReward,
    "edit": EditReward,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureState:
    """Where the prefix stands.

    Attributes:
        reference: The references.
        step: t, how many tokens the prefix has.
        task: The metric's own state; None where it has no weight.
    """

    reference: Reference
    step: int
    task: Any


class MixtureReward(TokenReward[MixtureState]):
    """R of a `space.Reward`."""

    def __init__(self, reward: Reward, unigram_V: Float[Tensor, " V"]) -> None:
        """Bind a reward to a task.

        Args:
            reward: The place on the simplex.
            unigram_V: Relative frequencies of the training targets' tokens, 0 for special ones; on the model's device.
        """
        self.reward = reward
        self.unigram_V = unigram_V
        self.metric = METRIC_REWARDS[reward.metric]() if reward.task > 0.0 else None
        self.reads_model = reward.model > 0.0

    def begin(self, reference: Reference) -> MixtureState:
        """The empty prefix."""
        return MixtureState(
            reference=reference, step=0, task=self.metric.begin(reference) if self.metric is not None else None
        )

    def increments(self, state: MixtureState, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        """The mixture's logarithm."""
        reward, reference = self.reward, state.reference
        if reward.task == 1.0:
            return self._task_BV(state)
        parts = []
        if reward.truth > 0.0:
            truth_BV = torch.full((reference.tokens_BT.shape[0], reference.num_tokens), -torch.inf)
            parts.append(
                truth_BV.to(reference.tokens_BT.device).scatter(
                    1, self._truth_B(state)[:, None], math.log(reward.truth)
                )
            )
        if reward.noise > 0.0:
            noise_V = self.unigram_V.log() + math.log(reward.noise)
            parts.append(noise_V.expand(reference.tokens_BT.shape[0], -1))
        if reward.task > 0.0:
            parts.append(self._task_BV(state).log_softmax(-1) + math.log(reward.task))
        if reward.model > 0.0:
            if log_p_BV is None:
                raise ValueError("a reward with a model weight needs the model's log-probabilities")
            parts.append(log_p_BV + math.log(reward.model))
        return torch.stack(parts).logsumexp(0) if len(parts) > 1 else parts[0]

    def advance(self, state: MixtureState, token_B: Int[Tensor, " B"]) -> MixtureState:
        """One token further."""
        task = self.metric.advance(state.task, token_B) if self.metric is not None else None
        return MixtureState(reference=state.reference, step=state.step + 1, task=task)

    def _truth_B(self, state: MixtureState) -> Int[Tensor, " B"]:
        reference = state.reference
        if state.step >= reference.tokens_BT.shape[1]:
            return torch.full_like(reference.tokens_BT[:, 0], reference.symbols.eos)
        token_B = reference.tokens_BT[:, state.step]
        return torch.where(reference.keep_BT[:, state.step], token_B, reference.symbols.eos)

    def _task_BV(self, state: MixtureState) -> Float[Tensor, "B V"]:
        """ΔΦ / τ_R, with −∞ for the tokens that no hypothesis holds."""
        if self.metric is None:
            raise ValueError("a reward without a task weight has no metric")
        values_BV = self.metric.increments(state.task) / self.reward.temperature
        values_BV[:, list(state.reference.symbols.never_drawn)] = -torch.inf
        return values_BV
