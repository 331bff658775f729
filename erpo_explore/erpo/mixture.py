"""q̃ of the next token as a mixture: first a component is drawn, then a token from it.

Legend: N prefixes, n some of them, J tokens with increments of their own, X tokens that are not "other", V vocabulary,
C components.

    α = 0, τ = 1:       q̃(v) = λ_truth·1[v = y*_t] + λ_noise·u(v) + λ_task·softmax_v(ΔΦ(v) / τ_R) + λ_model·p_θ(v)
    α = 0, λ_task = 1:  q̃(v) = softmax_v(ΔΦ(v) / (τ_R τ))

Only prefixes whose component is the model need logits and tensors of the vocabulary's size. Where ended rows are
masked, the model's component is computed for all rows instead, since a choice of rows makes the host wait. The metric's
softmax is drawn from in two stages: among the J tokens and "any other", and then among the others.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.categorical import Uniforms, draw_indices, draw_shared_indices, draw_uniform, index_of
from erpo_explore.erpo.conditional import Conditional, model_conditional
from erpo_explore.erpo.soft_labels import SparseLabels
from erpo_explore.rewards import Increments
from erpo_explore.rows import Rows
from erpo_explore.seq2seq.ended_rows import masks_ended_rows
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = ["Logits", "MetricSoftmax", "MixtureConditional", "OtherTokens", "is_mixture"]

Logits = Callable[[Int[Tensor, " n"] | None], Float[Tensor, "n V"]]
"""The model's logits after the prefixes of the given indices, or after all of them, as a new tensor."""


def is_mixture(point: Point) -> bool:
    """Whether q̃ is a mixture of normalised components."""
    return point.alpha == 0.0 and (point.reward.task == 1.0 or point.tau == 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTokens(Rows):
    """The tokens that a target may hold and that have no increment of their own.

    Attributes:
        number_N: Number of these tokens.
        log_number_N: Its logarithm.
        gap_NX: x_i − i, where x_i is the i-th of the remaining tokens in increasing order; after the last of them, the
            vocabulary's end.
    """

    number_N: Int[Tensor, " N"]
    log_number_N: Float[Tensor, " N"]
    gap_NX: Int[Tensor, "N X"]

    @classmethod
    def of(cls, increments: Increments) -> "OtherTokens":
        """The tokens that have no slot in the increments."""
        V, (_, J) = increments.num_tokens, increments.token_BJ.shape
        # a slot that is not kept gets an id after the vocabulary, so that its gap is never found by the search
        taken_NX = increments.token_BJ.masked_fill(~increments.keep_BJ, V + J).sort(dim=1).values
        number_N = V - increments.keep_BJ.sum(1)
        return cls(
            number_N=number_N,
            log_number_N=number_N.to(increments.other_B.dtype).log(),
            gap_NX=(taken_NX - torch.arange(J, device=taken_NX.device)).contiguous(),
        )

    def token(self, rank_N: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """The token of a rank among them, counted from 0 in increasing order."""
        return rank_N + torch.searchsorted(self.gap_NX, rank_N[:, None], right=True)[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSoftmax:
    """softmax_v(r_t(v) / temperature) over the tokens that a target may hold.

    Attributes:
        log_q: Log-probabilities.
        others: The tokens without a slot.
        log_total_N: log Σ_v exp(r_t(v) / temperature).
    """

    log_q: Increments
    others: OtherTokens
    log_total_N: Float[Tensor, " N"]

    @classmethod
    def of(cls, increments: Increments, others: OtherTokens, temperature: float) -> "MetricSoftmax":
        """Normalise the increments."""
        energy = increments if temperature == 1.0 else increments.scaled(1.0 / temperature)
        log_q = energy.log_softmax(others.log_number_N)
        return cls(log_q=log_q, others=others, log_total_N=energy.other_B - log_q.other_B)

    def draw(self, source: torch.Generator | Uniforms) -> Int[Tensor, " N"]:
        """One token per prefix: a slot or "any other", then one of the others."""
        rest_N = self.log_q.other_B.exp() * self.others.number_N
        slot_N = draw_indices(torch.cat([self.log_q.value_BJ.exp(), rest_N[:, None]], dim=1), source)
        rank_N = (draw_uniform(len(slot_N), source) * self.others.number_N).long()
        last_slot = self.log_q.token_BJ.shape[1] - 1
        slot_token_N = self.log_q.token_BJ.gather(1, slot_N.clamp(max=last_slot)[:, None])[:, 0]
        return torch.where(slot_N <= last_slot, slot_token_N, self.others.token(rank_N))


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureConditional(Conditional):
    """The components of q̃ after some prefixes, and their weights.

    Attributes:
        weights: λ as (truth, noise, task, model).
        truth_N: y*_t, EOS after the reference's end.
        noise_V: u.
        drawable_V: 1 for tokens that a target may hold, else 0.
        metric: The metric's softmax; None where λ_task = 0.
        logits: The model's logits; None where λ_model = 0.
        symbols: Ids of the special tokens.
    """

    weights: tuple[float, float, float, float]
    truth_N: Int[Tensor, " N"]
    noise_V: Float[Tensor, " V"]
    drawable_V: Float[Tensor, " V"]
    metric: MetricSoftmax | None
    logits: Logits | None
    symbols: Symbols

    @override
    def draw(self, source: torch.Generator | Uniforms) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        truth, noise, task, model = self.weights
        level_N = None if 1.0 in self.weights else draw_uniform(len(self.truth_N), source)
        drawn: list[tuple[float, Tensor]] = []
        if truth > 0.0:
            drawn.append((truth, self.truth_N))
        if noise > 0.0:
            drawn.append((noise, draw_shared_indices(self.noise_V, len(self.truth_N), source)))
        if task > 0.0 and self.metric is not None:
            drawn.append((task, self.metric.draw(source)))
        if not (model > 0.0 and self.logits is not None):
            token_N = _chosen(drawn, level_N)
            return token_N, self._without_model(token_N)
        return self._with_model(drawn, level_N, draw_uniform(len(self.truth_N), source))

    def _with_model(
        self, drawn: list[tuple[float, Tensor]], level_N: Tensor | None, uniform_N: Tensor
    ) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """The tokens of all components, with the model's own where its component was drawn."""
        if self.logits is None:
            raise ValueError("a mixture with the model in it needs its logits")
        if masks_ended_rows(uniform_N.device):
            q_NV = model_conditional(self.logits(None), self.symbols).q_NV
            model_N = index_of(q_NV, uniform_N).clamp(max=q_NV.shape[1] - 1)
            token_N = _chosen([*drawn, (self.weights[3], model_N)], level_N)
            # adds 0, or NaN where the model's distribution is not a number
            return token_N, self._without_model(token_N) + 0.0 * q_NV[:, 0]
        if not drawn or level_N is None:
            q_NV = model_conditional(self.logits(None), self.symbols).q_NV
            token_N = index_of(q_NV, uniform_N)
            return token_N, self._without_model(token_N)
        token_N = _chosen([*drawn, (self.weights[3], torch.zeros_like(self.truth_N))], level_N)
        row_n = (level_N >= sum(weight for weight, _ in drawn)).nonzero()[:, 0]
        if len(row_n) > 0:
            q_nV = model_conditional(self.logits(row_n), self.symbols).q_NV
            token_N = token_N.index_copy(0, row_n, index_of(q_nV, uniform_N[row_n]))
        return token_N, self._without_model(token_N)

    @override
    def soft(self) -> SparseLabels:
        """The reference's token and the metric's slots over two bases, uniform and noise.

        Raises:
            ValueError: λ_model > 0, since the model's distribution is not sparse.
        """
        truth, noise, task, model = self.weights
        if model > 0.0:
            raise ValueError("a mixture with the model in it has no sparse labels")
        token_NJ, weight_NJ = self.truth_N[:, None], torch.full_like(self.truth_N[:, None], truth, dtype=torch.float32)
        base_weight_NM = torch.full_like(weight_NJ, noise).repeat(1, 2)
        base_weight_NM[:, 0] = 0.0
        if self.metric is not None:
            log_q, other_N = self.metric.log_q, self.metric.log_q.other_B.exp()
            # tokens that are never drawn have slots with −∞, and the base is 0 there already
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
    @override
    def log_z_N(self) -> Float[Tensor, " N"]:
        """The metric's normaliser at λ_task = 1; else 0, since a mixture is normalised."""
        if self.weights[2] == 1.0 and self.metric is not None:
            return self.metric.log_total_N
        return torch.zeros(len(self.truth_N), device=self.truth_N.device)

    def _without_model(self, token_N: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
        truth, noise, task, _ = self.weights
        q_N = truth * (token_N == self.truth_N)
        if noise > 0.0:
            q_N = q_N + noise * self.noise_V[token_N]
        if self.metric is not None:
            q_N = q_N + task * self.metric.log_q.of(token_N).exp()
        return q_N


def _chosen(drawn: list[tuple[float, Tensor]], level_N: Float[Tensor, " N"] | None) -> Int[Tensor, " N"]:
    """The token of the component in whose share of [0, 1) the level lies; the last one takes what rounding leaves."""
    token_N = drawn[-1][1]
    if level_N is None:
        return token_N
    reached = list(itertools.accumulate(weight for weight, _ in drawn))
    for (_, component_N), end in zip(drawn[-2::-1], reached[-2::-1], strict=True):
        token_N = torch.where(level_N < end, component_N, token_N)
    return token_N
