"""q̃ of the next token where it is a mixture: first which of its parts speaks, then what it says.

Legend: N prefixes, J tokens that the metric tells apart, V vocabulary, C parts.

    α = 0, τ = 1:       q̃(v) = λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v)
    α = 0, λ_task = 1:  q̃(v) = softmax_v(ΔΦ(v) / (τ_R τ))

So nothing of the size of the vocabulary is made but for the prefixes where the model speaks, and nothing is asked of
the model elsewhere. The metric's softmax is a draw among J tokens and "any other", and then among the others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.erpo.categorical import draw_indices, draw_shared_indices, draw_uniform
from erpo_explore.erpo.conditional import Conditional, model_conditional
from erpo_explore.erpo.soft_labels import SparseLabels
from erpo_explore.rewards import Increments
from erpo_explore.rows import Rows
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = ["MetricSoftmax", "MixtureConditional", "OtherTokens", "is_mixture"]

Logits = Callable[[Int[Tensor, " n"]], Float[Tensor, "n V"]]
"""The model's logits after some of the prefixes, by number, as a tensor of their own."""


def is_mixture(point: Point) -> bool:
    """Whether q̃ is a mixture of normalised parts."""
    return point.alpha == 0.0 and (point.reward.task == 1.0 or point.tau == 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTokens(Rows):
    """The tokens that the metric does not tell apart and a target may hold.

    Attributes:
        number_N: How many.
        gap_NX: x_i − i of the i-th in rising order of the tokens that are no such; the vocabulary's end behind them.
    """

    number_N: Int[Tensor, " N"]
    gap_NX: Int[Tensor, "N X"]

    @classmethod
    def of(cls, increments: Increments) -> "OtherTokens":
        """All but the slots of some increments."""
        V, (_, J) = increments.num_tokens, increments.token_BJ.shape
        # a slot that is not kept stands behind the vocabulary, its gap too: no other token is looked for there
        taken_NX = increments.token_BJ.masked_fill(~increments.keep_BJ, V + J).sort(dim=1).values
        return cls(
            number_N=V - increments.keep_BJ.sum(1),
            gap_NX=(taken_NX - torch.arange(J, device=taken_NX.device)).contiguous(),
        )

    def token(self, place_N: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """The token at a place among them, counted from 0 in rising order."""
        return place_N + torch.searchsorted(self.gap_NX, place_N[:, None], right=True)[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSoftmax:
    """softmax_v(r_t(v) / temperature) over what a target may hold.

    Attributes:
        log_q: Its logarithm.
        others: The tokens beside the slots.
        log_total_N: log Σ_v exp(r_t(v) / temperature).
    """

    log_q: Increments
    others: OtherTokens
    log_total_N: Float[Tensor, " N"]

    @classmethod
    def of(cls, increments: Increments, others: OtherTokens, temperature: float) -> "MetricSoftmax":
        """Normalise the increments."""
        energy = increments if temperature == 1.0 else increments.scaled(1.0 / temperature)
        log_q = energy.log_softmax()
        return cls(log_q=log_q, others=others, log_total_N=energy.other_B - log_q.other_B)

    def draw(self, generator: torch.Generator) -> Int[Tensor, " N"]:
        """A slot or "any other", and then which other."""
        rest_N = self.log_q.other_B.exp() * self.others.number_N
        slot_N = draw_indices(torch.cat([self.log_q.value_BJ.exp(), rest_N[:, None]], dim=1), generator)
        place_N = (draw_uniform(len(slot_N), generator) * self.others.number_N).long()
        last_slot = self.log_q.token_BJ.shape[1] - 1
        slot_token_N = self.log_q.token_BJ.gather(1, slot_N.clamp(max=last_slot)[:, None])[:, 0]
        return torch.where(slot_N <= last_slot, slot_token_N, self.others.token(place_N))


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureConditional(Conditional):
    """The parts of q̃ after some prefixes, and their weights.

    Attributes:
        weights: λ as (truth, noise, task, model).
        truth_N: y*_t, EOS behind the reference's end.
        noise_V: u.
        drawable_V: 1 for what a target may hold, else 0.
        metric: The task's softmax; None where it has no weight.
        logits: The model's logits; None where it has no weight.
        symbols: What a target never holds.
    """

    weights: tuple[float, float, float, float]
    truth_N: Int[Tensor, " N"]
    noise_V: Float[Tensor, " V"]
    drawable_V: Float[Tensor, " V"]
    metric: MetricSoftmax | None
    logits: Logits | None
    symbols: Symbols

    def draw(self, generator: torch.Generator) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """A part, and what it says; q̃ without the model's share."""
        part_N = self._parts(generator)
        token_N = self.truth_N
        _, noise, task, model = self.weights
        if noise > 0.0:
            said_N = draw_shared_indices(self.noise_V, len(token_N), generator)
            token_N = torch.where(part_N == 1, said_N, token_N)
        if task > 0.0 and self.metric is not None:
            token_N = torch.where(part_N == 2, self.metric.draw(generator), token_N)
        if model > 0.0 and self.logits is not None:
            row_n = (part_N == 3).nonzero()[:, 0]
            if len(row_n) > 0:
                said_n, _ = model_conditional(self.logits(row_n), self.symbols).draw(generator)
                token_N = token_N.index_copy(0, row_n, said_n)
        return token_N, self._without_model(token_N)

    def soft(self) -> SparseLabels:
        """The truth's and the metric's tokens over a flat base and the noise.

        Raises:
            ValueError: The model has a weight, so that no few tokens say it all.
        """
        truth, noise, task, model = self.weights
        if model > 0.0:
            raise ValueError("a mixture with the model in it has no sparse labels")
        token_NJ, weight_NJ = self.truth_N[:, None], torch.full_like(self.truth_N[:, None], truth, dtype=torch.float32)
        base_weight_NM = torch.full_like(weight_NJ, noise).repeat(1, 2)
        base_weight_NM[:, 0] = 0.0
        if self.metric is not None:
            log_q, other_N = self.metric.log_q, self.metric.log_q.other_B.exp()
            # what may not be drawn has a slot with −∞, and nothing in the base to take off
            base_NJ = other_N[:, None] * self.drawable_V[log_q.token_BJ]
            gain_NJ = torch.where(log_q.keep_BJ, log_q.value_BJ.exp() - base_NJ, 0.0)
            token_NJ = torch.cat([token_NJ, log_q.token_BJ], dim=1)
            weight_NJ = torch.cat([weight_NJ, task * gain_NJ], dim=1)
            base_weight_NM[:, 0] = task * other_N
        return SparseLabels(
            token_XJ=token_NJ,
            weight_XJ=weight_NJ,
            base_weight_XM=base_weight_NM,
            base_MV=torch.stack([self.drawable_V, self.noise_V]),
        )

    @property
    def log_z_N(self) -> Float[Tensor, " N"]:
        """0 for a mixture, which is normalised already; the metric's own normaliser where it is alone."""
        if self.weights[2] == 1.0 and self.metric is not None:
            return self.metric.log_total_N
        return torch.zeros(len(self.truth_N), device=self.truth_N.device)

    def _parts(self, generator: torch.Generator) -> Int[Tensor, " N"]:
        """Which part speaks: 0 truth, 1 noise, 2 task, 3 model."""
        if 1.0 in self.weights:
            return torch.full_like(self.truth_N, self.weights.index(1.0))
        weights_C = torch.tensor(self.weights, dtype=torch.float64, device=self.truth_N.device)
        return draw_shared_indices(weights_C, len(self.truth_N), generator)

    def _without_model(self, token_N: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
        truth, noise, task, _ = self.weights
        q_N = truth * (token_N == self.truth_N)
        if noise > 0.0:
            q_N = q_N + noise * self.noise_V[token_N]
        if self.metric is not None:
            q_N = q_N + task * self.metric.log_q.of(token_N).exp()
        return q_N
