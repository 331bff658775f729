"""The reward of a point on the simplex: `space.Reward` in tensors.

Legend: B batch, T reference length, L hypothesis length, K tokens that are never drawn, V vocabulary.

    r(v) = log( λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v) )

At the corner λ_task = 1 it is ΔΦ(v) / τ_R itself. The two differ by the step's normaliser, which is the same for every
v: a token-level sampler does not depend on it, and without it the sum over the steps is the metric, which
sequence-level weights need. After the reference's end the truth is EOS. Padding and unknown words are drawn only where
they are the truth.
"""

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.metrics import Scorer
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
    """State of the prefix.

    Attributes:
        reference: The references.
        step: t, the number of tokens in the prefix.
        forbidden_BK: The tokens that are never drawn.
        task: The metric's own state; None where λ_task = 0.
    """

    reference: Reference
    step: int
    forbidden_BK: Int[Tensor, "B K"]
    task: Any


class MixtureReward(TokenReward[MixtureState]):
    """R of a `space.Reward`, bound to a task."""

    def __init__(
        self,
        reward: Reward,
        unigram_V: Float[Tensor, " V"],
        decode: Decode | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        """Bind a reward to a task.

        Args:
            reward: The point on the simplex.
            unigram_V: Relative frequencies of the training targets' tokens, 0 for special tokens; on the model's
                device.
            decode: Maps target ids to text, for a metric that scores text.
            scorer: Scorer of the text, as in `metric_reward`.

        Raises:
            ConfigError: The metric cannot be loaded.
            ValueError: The metric scores text and there is no `decode`.
        """
        self.reward = reward
        self.unigram_V = unigram_V
        self.metric = metric_reward(reward.metric, decode, scorer) if reward.task > 0.0 else None
        self.reads_model = reward.model > 0.0

    @override
    def begin(self, reference: Reference) -> MixtureState:
        tokens_BT, symbols = reference.tokens_BT, reference.symbols
        forbidden_K = torch.tensor(symbols.never_drawn, device=tokens_BT.device)
        return MixtureState(
            reference=reference,
            step=0,
            forbidden_BK=forbidden_K.expand(len(tokens_BT), -1),
            task=self.metric.begin(reference) if self.metric is not None else None,
        )

    @override
    def increments(self, state: MixtureState, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        if self.reward.task == 1.0:
            return self.candidates(state).dense()
        components = self._components_but_truth(state, log_p_BV)
        # summed in log space, so that a probability below the smallest float is not turned into a forbidden token
        mixed_BV = functools.reduce(torch.logaddexp, components)
        if self.reward.truth > 0.0:
            truth_B1 = self.truth_B(state)[:, None]
            log_truth_B1 = torch.full_like(mixed_BV[:, :1], math.log(self.reward.truth))
            mixed_BV.scatter_(1, truth_B1, torch.logaddexp(mixed_BV.gather(1, truth_B1), log_truth_B1))
        return mixed_BV

    def candidates(self, state: MixtureState) -> Increments:
        """r_t(v) as a few slots and one value for all other tokens.

        Raises:
            ValueError: The reward is a mixture, which is not sparse.
        """
        if self.reward.task != 1.0:
            raise ValueError(f"only the corner task=1 has a few candidates, got {self.reward}")
        return self.task_candidates(state)

    def allowed_candidates(self, state: MixtureState) -> Increments:
        """ΔΦ(v) / τ_R of the metric for tokens that a target may hold; the value of others is not read.

        Raises:
            ValueError: λ_task = 0.
        """
        if self.metric is None:
            raise ValueError(f"a reward without a task weight has no metric, got {self.reward}")
        return self.metric.candidates(state.task).scaled(1.0 / self.reward.temperature)

    def task_candidates(self, state: MixtureState) -> Increments:
        """ΔΦ(v) / τ_R of the metric, at any weight; −∞ for tokens that no target holds."""
        return self.allowed_candidates(state).without(state.forbidden_BK)

    def noise_V(self, reference: Reference) -> Float[Tensor, " V"]:
        """u, the noise distribution."""
        return noise_distribution(self.reward.noise_kind, self.unigram_V, reference.symbols)

    def truth_B(self, state: MixtureState) -> Int[Tensor, " B"]:
        """The reference's next token; EOS after its end."""
        return state.reference.truth_B(state.step)

    @override
    def advance(self, state: MixtureState, token_B: Int[Tensor, " B"]) -> MixtureState:
        task = self.metric.advance(state.task, token_B) if self.metric is not None else None
        return replace(state, step=state.step + 1, task=task)

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R of each hypothesis; at λ_task = 1 the metric over τ_R, also with tokens that are never drawn."""
        if self.reward.task == 1.0 and self.metric is not None:
            return self.metric.score(reference, tokens_BL, keep_BL) / self.reward.temperature
        return super().score(reference, tokens_BL, keep_BL)

    def _components_but_truth(self, state: MixtureState, log_p_BV: Tensor | None) -> list[Float[Tensor, "B V"]]:
        """Log(λ · distribution) of each component but the truth that has a weight; one tensor of −∞ if none has."""
        reward, B, V = self.reward, len(state.reference.tokens_BT), state.reference.num_tokens
        components = []
        if reward.noise > 0.0:
            log_u_V = self.noise_V(state.reference).log()
            components.append((log_u_V + math.log(reward.noise)).repeat(B, 1))
        if reward.task > 0.0:
            components.append(self.task_candidates(state).log_softmax().dense().add_(math.log(reward.task)))
        if reward.model > 0.0:
            if log_p_BV is None:
                raise ValueError("a reward with a model weight needs the model's log-probabilities")
            components.append(log_p_BV.float() + math.log(reward.model))
        return components or [torch.full((B, V), -torch.inf, device=state.reference.tokens_BT.device)]
