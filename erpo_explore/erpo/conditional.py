"""q̃ of the next token, with the model in it: one energy a token.

Legend: N prefixes, V vocabulary, J tokens that the metric tells apart.

    q̃(v | y_<t) = softmax_v( (α log p_θ(v | y_<t, x) + r_t(v)) / τ )
    log Z_t      = log Σ_v exp( (α log p_θ(v | y_<t, x) + r_t(v)) / τ )

What is the same for every v is left out of the energies and comes back in `log_z_N` alone, so a metric's increments
cost J additions a prefix and the model's normaliser is not computed where nobody asks for Z.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.erpo.categorical import draw_indices
from erpo_explore.erpo.soft_labels import DenseLabels, SoftLabels
from erpo_explore.rewards import Increments
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = [
    "Conditional",
    "DenseConditional",
    "allowed_log_p",
    "forbid",
    "general_conditional",
    "metric_conditional",
    "model_conditional",
]


class Conditional(ABC):
    """q̃(· | y_<t) of some prefixes."""

    @abstractmethod
    def draw(self, generator: torch.Generator) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """One token a prefix, and its q̃, without the share that is the model's own distribution."""

    @abstractmethod
    def soft(self) -> SoftLabels:
        """The distributions themselves."""

    @property
    @abstractmethod
    def log_z_N(self) -> Float[Tensor, " N"]:
        """The logarithm of Z_t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseConditional(Conditional):
    """Softmax of energies.

    Attributes:
        q_NV: The distributions.
        energy_NV: Their energies.
        offset_N: What every energy of a prefix lacks.
    """

    q_NV: Float[Tensor, "N V"]
    energy_NV: Float[Tensor, "N V"]
    offset_N: Float[Tensor, " N"]

    @classmethod
    def of(cls, energy_NV: Float[Tensor, "N V"], offset_N: Float[Tensor, " N"] | None = None) -> "DenseConditional":
        """Normalise energies.

        Args:
            energy_NV: Of every token, −∞ where it is forbidden.
            offset_N: What every energy of a prefix lacks; nothing if not given.

        Raises:
            ValueError: Every token of a prefix is forbidden.
            FloatingPointError: An energy is not a number, as after a training step that diverged.
        """
        q_NV = energy_NV.softmax(-1)
        # a row that cannot be normalised is not a number throughout
        if bool(q_NV[:, 0].isnan().any()):
            if bool((energy_NV == -torch.inf).all(-1).any()):
                raise ValueError("reward and model forbid every token after some prefix")
            raise FloatingPointError("the sampler's distribution is not a number")
        if offset_N is None:
            offset_N = torch.zeros(len(q_NV), device=q_NV.device)
        return cls(q_NV=q_NV, energy_NV=energy_NV, offset_N=offset_N)

    def draw(self, generator: torch.Generator) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """One token a prefix."""
        token_N = draw_indices(self.q_NV, generator)
        return token_N, self.q_NV.gather(1, token_N[:, None])[:, 0]

    def likeliest(self) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """The token with the largest probability, and its q̃."""
        q_N, token_N = self.q_NV.max(-1)
        return token_N, q_N

    def soft(self) -> DenseLabels:
        """The distributions themselves."""
        return DenseLabels(q_XV=self.q_NV)

    @property
    def log_z_N(self) -> Float[Tensor, " N"]:
        """That of the energies, offset included."""
        return self.energy_NV.logsumexp(-1) + self.offset_N


def forbid(logits_NV: Float[Tensor, "N V"], symbols: Symbols) -> Float[Tensor, "N V"]:
    """Single-precision logits with −∞ for what a target never holds, in the given tensor's memory where it may be."""
    logits_NV = logits_NV.float()
    logits_NV[:, list(symbols.never_drawn)] = -torch.inf
    return logits_NV


def allowed_log_p(logits_XV: Float[Tensor, "*X V"], symbols: Symbols) -> Float[Tensor, "*X V"]:
    """Of every token that a target may hold, log p_θ; differentiable."""
    forbidden = torch.zeros(logits_XV.shape[-1], dtype=torch.bool, device=logits_XV.device)
    forbidden[list(symbols.never_drawn)] = True
    return torch.log_softmax(logits_XV.float().masked_fill(forbidden, -torch.inf), dim=-1)


def model_conditional(logits_NV: Float[Tensor, "N V"], symbols: Symbols) -> DenseConditional:
    """p_θ itself, over what a target may hold; takes the logits' memory."""
    return DenseConditional.of(forbid(logits_NV, symbols))


def metric_conditional(
    point: Point, increments: Increments | None, logits_NV: Float[Tensor, "N V"], symbols: Symbols, *, with_z: bool
) -> DenseConditional:
    """q̃ of a point with α > 0 whose reward is a metric alone.

    Args:
        point: Its α and τ.
        increments: r_t, −∞ for what a target never holds; None is 0 for every other token, as of a reward that scores
            finished targets alone.
        logits_NV: Of the model; their memory is taken.
        symbols: What a target never holds.
        with_z: Whether log Z_t will be read; it costs the model's normaliser.
    """
    energy_NV = forbid(logits_NV, symbols) if increments is None or with_z else logits_NV.float()
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
    """q̃ of any point with finite α, as its equation says.

    Args:
        point: Its α and τ.
        increments_NV: r_t(v), −∞ where forbidden.
        log_p_NV: log p_θ(v | y_<t, x); may be None at α = 0.

    Raises:
        ValueError: Reward and model forbid every token of a row, or log_p_NV is missing where it is needed.
    """
    if point.alpha == 0.0:
        return DenseConditional.of(increments_NV / point.tau)
    if log_p_NV is None:
        raise ValueError("alpha > 0 needs the model's log-probabilities")
    return DenseConditional.of((point.alpha * log_p_NV + increments_NV) / point.tau)
