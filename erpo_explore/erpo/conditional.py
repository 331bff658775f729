"""q̃ of the next token as a softmax of one energy per token of the vocabulary.

Legend: N prefixes, X any positions, V vocabulary, J tokens with increments of their own.

    q̃(v | y_<t) = softmax_v( (α log p_θ(v | y_<t, x) + r_t(v)) / τ )
    log Z_t      = log Σ_v exp( (α log p_θ(v | y_<t, x) + r_t(v)) / τ )

Terms that are equal for every v are left out of the energies; only `log_z_N` adds them. So a metric's increments cost J
additions per prefix, and the model's normaliser is computed only where Z is needed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.erpo.categorical import Uniforms, draw_indices
from erpo_explore.erpo.soft_labels import DenseLabels, SoftLabels
from erpo_explore.rewards import Increments
from erpo_explore.seq2seq.ended_rows import masks_ended_rows
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols, runs_of

__all__ = [
    "Conditional",
    "DenseConditional",
    "allowed_log_p",
    "forbid",
    "general_conditional",
    "metric_conditional",
    "model_conditional",
]

_MAX_RUNS: Final = 4


class Conditional(ABC):
    """q̃(· | y_<t) after each of N prefixes."""

    @abstractmethod
    def draw(self, source: torch.Generator | Uniforms) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """One token per prefix, and its q̃ without the share that is the model's own distribution.

        Where ended rows are masked, q̃ is NaN after a prefix whose distribution cannot be normalised.
        """

    @abstractmethod
    def soft(self) -> SoftLabels:
        """The distributions as soft labels."""

    @property
    @abstractmethod
    def log_z_N(self) -> Float[Tensor, " N"]:
        """Log Z_t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseConditional(Conditional):
    """Softmax of energies.

    Attributes:
        q_NV: The distributions.
        energy_NV: Their energies.
        offset_N: The terms that are left out of every energy of a prefix; None for 0.
    """

    q_NV: Float[Tensor, "N V"]
    energy_NV: Float[Tensor, "N V"]
    offset_N: Float[Tensor, " N"] | None

    @classmethod
    def of(cls, energy_NV: Float[Tensor, "N V"], offset_N: Float[Tensor, " N"] | None = None) -> "DenseConditional":
        """Normalise energies.

        Args:
            energy_NV: The energy of every token, −∞ where the token is forbidden.
            offset_N: The terms that are left out of every energy of a prefix. Default: 0.

        Raises:
            ValueError: Every token of a prefix is forbidden.
            FloatingPointError: An energy is NaN, as after a training step that diverged.

        Where ended rows are masked, the caller looks for both later, for many steps at once.
        """
        q_NV = energy_NV.softmax(-1)
        # a row that cannot be normalised is NaN in every column
        if not masks_ended_rows(energy_NV.device) and bool(q_NV[:, 0].isnan().any()):
            if bool((energy_NV == -torch.inf).all(-1).any()):
                raise ValueError("reward and model forbid every token after some prefix")
            raise FloatingPointError("the sampler's distribution is not a number")
        return cls(q_NV=q_NV, energy_NV=energy_NV, offset_N=offset_N)

    @override
    def draw(self, source: torch.Generator | Uniforms) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        token_N = draw_indices(self.q_NV, source)
        if masks_ended_rows(token_N.device):  # no index is found in a row of NaN
            token_N = token_N.clamp(max=self.q_NV.shape[1] - 1)
        return token_N, self.q_NV.gather(1, token_N[:, None])[:, 0]

    def likeliest(self) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """The most probable token of each prefix, and its q̃."""
        q_N, token_N = self.q_NV.max(-1)
        return token_N, q_N

    @override
    def soft(self) -> DenseLabels:
        return DenseLabels(q_XV=self.q_NV)

    @property
    @override
    def log_z_N(self) -> Float[Tensor, " N"]:
        log_total_N = self.energy_NV.logsumexp(-1)
        return log_total_N if self.offset_N is None else log_total_N + self.offset_N


def forbid(logits_NV: Float[Tensor, "N V"], symbols: Symbols) -> Float[Tensor, "N V"]:
    """Single-precision logits with −∞ for tokens that a target never holds; may overwrite the given tensor."""
    logits_NV = logits_NV.float()
    runs = runs_of(symbols.never_drawn)
    if len(runs) > _MAX_RUNS:
        logits_NV[:, list(symbols.never_drawn)] = -torch.inf
        return logits_NV
    for first, end in runs:  # a slice needs no tensor of indices
        logits_NV[:, first:end] = -torch.inf
    return logits_NV


def allowed_log_p(logits_XV: Float[Tensor, "*X V"], symbols: Symbols) -> Float[Tensor, "*X V"]:
    """Log p_θ normalised over the tokens that a target may hold, −∞ for the others; differentiable."""
    forbidden = torch.zeros(logits_XV.shape[-1], dtype=torch.bool, device=logits_XV.device)
    forbidden[list(symbols.never_drawn)] = True
    return torch.log_softmax(logits_XV.float().masked_fill(forbidden, -torch.inf), dim=-1)


def model_conditional(logits_NV: Float[Tensor, "N V"], symbols: Symbols) -> DenseConditional:
    """p_θ over the tokens that a target may hold; may overwrite the logits."""
    return DenseConditional.of(forbid(logits_NV, symbols))


def metric_conditional(
    point: Point, increments: Increments | None, logits_NV: Float[Tensor, "N V"], symbols: Symbols, *, with_z: bool
) -> DenseConditional:
    """q̃ of a point with α > 0 whose reward is a metric alone.

    Args:
        point: The point, whose α and τ are used.
        increments: r_t of the tokens that a target may hold. None stands for increments of 0, those of a reward that
            scores finished targets alone.
        logits_NV: The model's logits; they are overwritten.
        symbols: Ids of the special tokens.
        with_z: Whether log Z_t is needed, which requires the model's normaliser.
    """
    energy_NV = forbid(logits_NV, symbols)
    scale = point.rho
    offset_N = -scale * energy_NV.logsumexp(-1) if with_z else None
    if scale != 1.0:
        energy_NV.mul_(scale)
    if increments is not None:
        increments.add_gains(energy_NV, 1.0 / point.tau)
        offset_N = None if offset_N is None else offset_N + increments.other_B / point.tau
    return DenseConditional.of(energy_NV, offset_N)


def general_conditional(
    point: Point, increments_NV: Float[Tensor, "N V"], log_p_NV: Float[Tensor, "N V"] | None
) -> DenseConditional:
    """q̃ of any point with finite α, by its equation.

    Args:
        point: The point, whose α and τ are used.
        increments_NV: r_t(v), −∞ where forbidden.
        log_p_NV: log p_θ(v | y_<t, x); not needed at α = 0.

    Raises:
        ValueError: Reward and model forbid every token of a row, or α > 0 and `log_p_NV` is None.
    """
    if point.alpha == 0.0:
        return DenseConditional.of(increments_NV / point.tau)
    if log_p_NV is None:
        raise ValueError("alpha > 0 needs the model's log-probabilities")
    return DenseConditional.of((point.alpha * log_p_NV + increments_NV) / point.tau)
