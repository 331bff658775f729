"""The oracle: every target of a tiny vocabulary, with its exact probability.

Legend: N enumerated targets, L longest target (its EOS counted), V vocabulary.

    log q̃(y) = Σ_t log q̃(y_t | y_<t)                           what the token-level sampler draws from
    log q(y)  = (α log p_θ(y) + R(y)) / (α + β) − log Z         the exact E-step, over finished targets
    L(q, θ)   = E_q[R] − α KL(q ‖ p_θ) + β H(q)                 which that q maximises, at (α + β) log Z

and the two are tied by q(y) ∝ q̃(y) · Π_t Z_t(y_<t), Z_t being the step's normaliser. A reward that scores finished
targets alone is no part of q̃ and Z_t, and then q(y) ∝ q̃(y) · Π_t Z_t(y_<t) · exp(R(y) / (α + β)). At α → ∞ both are
p_θ. It costs V^L, and serves tests and the curious; nothing in training calls it.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = ["Enumeration", "enumerate_targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """Every target that a sampler with a limit of L tokens can draw.

    Attributes:
        point: Whose q̃ and q they are.
        symbols: Ids of the special tokens.
        tokens_NL: Targets with EOS, then padding; those of L words have no EOS.
        keep_NL: True on targets and their EOS.
        finished_N: True where the target has its EOS.
        log_p_N: log p_θ(y | x), over the tokens that a target may hold.
        reward_N: R(y | y*), Σ_t r_t(y_t) where the reward has increments; of a target without EOS what its words are
            worth.
        log_q_token_N: log q̃(y); sums to 1 over all N.
        log_z_N: Σ_t log Z_t(y_<t), with Z_t = Σ_v exp((α log p_θ(v) + r_t(v)) / (α + β)).
        log_q_N: log q(y), normalised over the finished targets, −∞ elsewhere.
    """

    point: Point
    symbols: Symbols
    tokens_NL: Int[Tensor, "N L"]
    keep_NL: Bool[Tensor, "N L"]
    finished_N: Bool[Tensor, " N"]
    log_p_N: Float[Tensor, " N"]
    reward_N: Float[Tensor, " N"]
    log_q_token_N: Float[Tensor, " N"]
    log_z_N: Float[Tensor, " N"]
    log_q_N: Float[Tensor, " N"]

    def objective(self, log_q_N: Float[Tensor, " N"]) -> Float[Tensor, ""]:
        """L(q, θ) of any distribution over the targets; what q leaves out (0 · log 0) counts nothing.

        Args:
            log_q_N: log q(y) that sums to 1; −∞ where q has no mass.

        Raises:
            ValueError: α = ∞, where every q but p_θ has the value −∞.
        """
        alpha, beta = self.point.alpha, self.point.beta
        if math.isinf(alpha):
            raise ValueError("the objective has no finite value at alpha=inf; climb E_p[R] instead")
        held_N = log_q_N > -torch.inf
        log_q_n = log_q_N[held_N]
        q_n = log_q_n.exp()
        value = (q_n * self.reward_N[held_N]).sum() - beta * (q_n * log_q_n).sum()
        return value if alpha == 0.0 else value - alpha * (q_n * (log_q_n - self.log_p_N[held_N])).sum()


@torch.no_grad()
def enumerate_targets(
    point: Point, reward: MixtureReward, model: Seq2Seq, memory: Memory, reference: Reference, max_tokens: int
) -> Enumeration:
    """Enumerate q̃ and q of one source.

    The prefix is q's own and nothing is forced, whatever the point's levers say.

    Args:
        point: A point.
        reward: Its reward.
        model: p_θ, in evaluation mode.
        memory: The encoding of one source.
        reference: Its reference, one row.
        max_tokens: L.

    Raises:
        ValueError: More than one row, or more than a million targets.
    """
    if reference.tokens_BT.shape[0] != 1:
        raise ValueError(f"enumeration takes one source, got {reference.tokens_BT.shape[0]}")
    tokens_NL = _every_target(reference, max_tokens)
    symbols, N = reference.symbols, len(tokens_NL)
    keep_NL = tokens_NL != symbols.pad
    row_N = torch.zeros(N, dtype=torch.long, device=tokens_NL.device)
    many, memory = reference.take(row_N), memory.take(row_N)
    has_increments = point.reward.task < 1.0 or point.reward.has_increments
    state: Any = reward.begin(many) if has_increments else None
    decoder, token_N = model.begin(memory), torch.full_like(row_N, symbols.bos)
    log_p_N, reward_N, log_q_token_N, log_z_N = torch.zeros(4, N, device=tokens_NL.device)
    for t in range(max_tokens):
        logits_NV, decoder = model.step(memory, decoder, token_N)
        log_p_NV = allowed_log_p(logits_NV, symbols)
        increments_NV = torch.where(log_p_NV > -torch.inf, 0.0, -torch.inf)
        if state is not None:
            increments_NV = reward.increments(state, log_p_NV)
        energy_NV = _energies(point, log_p_NV, increments_NV)
        normaliser_N = energy_NV.logsumexp(1)
        token_N, keep_N = tokens_NL[:, t], keep_NL[:, t]
        log_p_N = log_p_N + _said(log_p_NV, token_N, keep_N)
        reward_N = reward_N + _said(increments_NV, token_N, keep_N)
        log_q_token_N = log_q_token_N + _said(energy_NV - normaliser_N[:, None], token_N, keep_N)
        log_z_N = log_z_N + normaliser_N.masked_fill(~keep_N, 0.0)
        if state is not None:
            state = reward.advance(state, token_N)
    if state is None:
        reward_N = reward.score(many, tokens_NL, keep_NL)
    finished_N = (tokens_NL == symbols.eos).any(1)
    energy_N = _energies(point, log_p_N, reward_N).masked_fill(~finished_N, -torch.inf)
    return Enumeration(
        point=point,
        symbols=symbols,
        tokens_NL=tokens_NL,
        keep_NL=keep_NL,
        finished_N=finished_N,
        log_p_N=log_p_N,
        reward_N=reward_N,
        log_q_token_N=log_q_token_N,
        log_z_N=log_z_N,
        log_q_N=energy_N.log_softmax(0),
    )


def _every_target(reference: Reference, max_tokens: int) -> Int[Tensor, "N L"]:
    """EOS behind fewer than L words, or L words."""
    words, symbols = reference.drawable_words_v.tolist(), reference.symbols
    if len(words) ** max_tokens > 1_000_000:
        raise ValueError(f"{len(words)} words and {max_tokens} tokens are more than a million targets")
    rows = [[*y, symbols.eos] for n in range(max_tokens) for y in itertools.product(words, repeat=n)]
    rows += [list(y) for y in itertools.product(words, repeat=max_tokens)]
    padded = [row + [symbols.pad] * (max_tokens - len(row)) for row in rows]
    return torch.tensor(padded, device=reference.tokens_BT.device)


def _energies(point: Point, log_p: Tensor, reward: Tensor) -> Tensor:
    """(α log p + R) / (α + β), and its limit log p at α = ∞; 0 · ∞ is 0."""
    if math.isinf(point.alpha):
        return log_p
    return (reward if point.alpha == 0.0 else point.alpha * log_p + reward) / point.tau


def _said(value_NV: Tensor, token_N: Tensor, keep_N: Tensor) -> Tensor:
    """The value of the token that is said, 0 behind the target's end."""
    return value_NV.gather(1, token_N[:, None])[:, 0].masked_fill(~keep_N, 0.0)
