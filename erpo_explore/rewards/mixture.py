"""The reward of a place on the simplex: what `space.Reward` means, in tensors.

Legend: B batch, T reference length, L hypothesis length, K tokens that are never drawn, V vocabulary.

    r(v) = log( λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v) )

At the corner λ_task = 1 it is ΔΦ(v) / τ_R itself: the step's normaliser is the same for every v, so a token-level
sampler cannot tell, and the sum over the steps is then the metric, which a sequence-level one needs. Behind the
reference's end the truth is EOS. Two reference tokens that stand for padding or an unknown word are drawn only where
they are the truth.
"""

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.base import Reference, TokenReward
from erpo_explore.rewards.finished import Decode
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.metrics import metric_reward
from erpo_explore.rewards.noise import noise_distribution
from erpo_explore.rows import Rows
from erpo_explore.space.reward import Reward

__all__ = ["MixtureReward", "MixtureState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureState(Rows):
    """Where the prefix stands.

    Attributes:
        reference: The references.
        step: t, how many tokens the prefix has.
        forbidden_BK: The tokens that are never drawn.
        task: The metric's own state; None where it has no weight.
    """

    reference: Reference
    step: int
    forbidden_BK: Int[Tensor, "B K"]
    task: Any


class MixtureReward(TokenReward[MixtureState]):
    """R of a `space.Reward`."""

    def __init__(self, reward: Reward, unigram_V: Float[Tensor, " V"], decode: Decode | None = None) -> None:
        """Bind a reward to a task.

        Args:
            reward: The place on the simplex.
            unigram_V: Relative frequencies of the training targets' tokens, 0 for special ones; on the model's device.
            decode: Text of target ids, for a metric that scores finished targets as text.

        Raises:
            ConfigError: The metric is a user's function that is not found.
            ValueError: The metric scores text and there is no `decode`.
        """
        self.reward = reward
        self.unigram_V = unigram_V
        self.metric = metric_reward(reward.metric, decode) if reward.task > 0.0 else None
        self.reads_model = reward.model > 0.0

    def begin(self, reference: Reference) -> MixtureState:
        """The empty prefix."""
        tokens_BT, symbols = reference.tokens_BT, reference.symbols
        forbidden_K = torch.tensor(symbols.never_drawn, device=tokens_BT.device)
        return MixtureState(
            reference=reference,
            step=0,
            forbidden_BK=forbidden_K.expand(len(tokens_BT), -1),
            task=self.metric.begin(reference) if self.metric is not None else None,
        )

    def increments(self, state: MixtureState, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        """The mixture's logarithm."""
        if self.reward.task == 1.0:
            return self.candidates(state).dense()
        parts = self._parts_but_truth(state, log_p_BV)
        # summed without leaving the logarithm, so that what is far below the smallest number is not yet forbidden
        mixed_BV = functools.reduce(torch.logaddexp, parts)
        if self.reward.truth > 0.0:
            truth_B1 = self.truth_B(state)[:, None]
            log_truth_B1 = torch.full_like(mixed_BV[:, :1], math.log(self.reward.truth))
            mixed_BV.scatter_(1, truth_B1, torch.logaddexp(mixed_BV.gather(1, truth_B1), log_truth_B1))
        return mixed_BV

    def candidates(self, state: MixtureState) -> Increments:
        """r_t(v) as a few slots and one value for the rest, for a sampler that needs no tensor of all V.

        Raises:
            ValueError: The reward is a mixture, which differs in more than a few tokens.
        """
        if self.reward.task != 1.0:
            raise ValueError(f"only the corner task=1 has a few candidates, got {self.reward}")
        return self.task_candidates(state)

    def task_candidates(self, state: MixtureState) -> Increments:
        """ΔΦ(v) / τ_R of the metric, whatever its weight; −∞ for the tokens that no target holds.

        Raises:
            ValueError: The metric has no weight.
        """
        if self.metric is None:
            raise ValueError(f"a reward without a task weight has no metric, got {self.reward}")
        gains = self.metric.candidates(state.task)
        return gains.scaled(1.0 / self.reward.temperature).without(state.forbidden_BK)

    def noise_V(self, reference: Reference) -> Float[Tensor, " V"]:
        """u, what the noise weight puts in a word's place."""
        return noise_distribution(self.reward.noise_kind, self.unigram_V, reference.symbols)

    def truth_B(self, state: MixtureState) -> Int[Tensor, " B"]:
        """The reference's next token; EOS behind its end."""
        return state.reference.truth_B(state.step)

    def advance(self, state: MixtureState, token_B: Int[Tensor, " B"]) -> MixtureState:
        """One token further."""
        task = self.metric.advance(state.task, token_B) if self.metric is not None else None
        return replace(state, step=state.step + 1, task=task)

    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R of each hypothesis; at the corner task = 1 that of the metric over τ_R, whatever tokens it holds."""
        if self.reward.task == 1.0 and self.metric is not None:
            return self.metric.score(reference, tokens_BL, keep_BL) / self.reward.temperature
        return super().score(reference, tokens_BL, keep_BL)

    def _parts_but_truth(self, state: MixtureState, log_p_BV: Tensor | None) -> list[Float[Tensor, "B V"]]:
        """Log(λ · distribution) of each other part with a weight, in a tensor of its own; −∞ where there is none."""
        reward, B, V = self.reward, len(state.reference.tokens_BT), state.reference.num_tokens
        parts = []
        if reward.noise > 0.0:
            log_u_V = self.noise_V(state.reference).log()
            parts.append((log_u_V + math.log(reward.noise)).repeat(B, 1))
        if reward.task > 0.0:
            parts.append(self.task_candidates(state).log_softmax().dense().add_(math.log(reward.task)))
        if reward.model > 0.0:
            if log_p_BV is None:
                raise ValueError("a reward with a model weight needs the model's log-probabilities")
            parts.append(log_p_BV.float() + math.log(reward.model))
        return parts or [torch.full((B, V), -torch.inf, device=state.reference.tokens_BT.device)]
