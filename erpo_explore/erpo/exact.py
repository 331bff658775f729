"""Oracle of the E-step: every target of a tiny vocabulary, with its exact probability.

Legend: N enumerated targets, L longest target (its EOS counted), V vocabulary.

    log q̃(y) = Σ_t log q̃(y_t | y_<t)                           the token-level sampler's distribution
    log q(y)  = (α log p_θ(y) + R(y)) / (α + β) − log Z         the exact E-step, over finished targets
    L(q, θ)   = E_q[R] − α KL(q ‖ p_θ) + β H(q)                 this q maximises it; the maximum is (α + β) log Z

The two are related by q(y) ∝ q̃(y) · Π_t Z_t(y_<t), with Z_t the normaliser of a step. A reward that scores finished
targets alone is no part of q̃ and Z_t; then q(y) ∝ q̃(y) · Π_t Z_t(y_<t) · exp(R(y) / (α + β)). At α → ∞ both are p_θ.
The cost is V^L: enumeration serves tests and experiments, and training never calls it.
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
        point: The point of q̃ and q.
        symbols: Ids of the special tokens.
        tokens_NL: Targets with EOS, then padding; targets of L words have no EOS.
        keep_NL: True on targets and their EOS.
        finished_N: True where the target has its EOS.
        log_p_N: log p_θ(y | x), over the tokens that a target may hold.
        reward_N: R(y | y*), Σ_t r_t(y_t) where the reward has increments; for a target without EOS, the sum over its
            words.
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
        """L(q, θ) of a distribution over the targets, with 0 · log 0 = 0.

        Args:
            log_q_N: log q(y), normalised; −∞ where q has no mass.

        Raises:
            ValueError: α = ∞, where L is −∞ for every q but p_θ.
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

    The point's prefix, label and forced share are ignored: the prefix is drawn from q and no token is forced.

    Args:
        point: The point.
        reward: Its reward, bound to the task.
        model: p_θ, in evaluation mode.
        memory: The encoding of one source.
        reference: Its reference, one row.
        max_tokens: L.

    Raises:
        ValueError: The point is a blend or has an anchor, the reference has more than one row, or there are more than
            a million targets.
    """
    if point.blend:
        raise ValueError(f"enumeration takes one point, got a blend: {point}; enumerate its parts")
    if point.anchor != "self":
        raise ValueError(
            f"enumeration takes anchor self, got {point.anchor}; pass the anchor as the model that q reads"
        )
    if reference.tokens_BT.shape[0] != 1:
        raise ValueError(f"enumeration takes one source, got {reference.tokens_BT.shape[0]}")
    tokens_NL = _every_target(reference, max_tokens)
    symbols, N = reference.symbols, len(tokens_NL)
    keep_NL = tokens_NL != symbols.pad
    row_N = torch.zeros(N, dtype=torch.long, device=tokens_NL.device)
    repeated, memory = reference.take(row_N), memory.take(row_N)
    has_increments = point.reward.task < 1.0 or point.reward.has_increments
    state: Any = reward.begin(repeated) if has_increments else None
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
        log_p_N = log_p_N + _at_token(log_p_NV, token_N, keep_N)
        reward_N = reward_N + _at_token(increments_NV, token_N, keep_N)
        log_q_token_N = log_q_token_N + _at_token(energy_NV - normaliser_N[:, None], token_N, keep_N)
        log_z_N = log_z_N + normaliser_N.masked_fill(~keep_N, 0.0)
        if state is not None:
            state = reward.advance(state, token_N)
    if state is None:
        reward_N = reward.score(repeated, tokens_NL, keep_NL)
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
    """Every sequence of fewer than L words with EOS, and every sequence of L words."""
    words, symbols = reference.drawable_words_v.tolist(), reference.symbols
    if len(words) ** max_tokens > 1_000_000:
        raise ValueError(f"{len(words)} words and {max_tokens} tokens are more than a million targets")
    rows = [[*y, symbols.eos] for n in range(max_tokens) for y in itertools.product(words, repeat=n)]
    rows += [list(y) for y in itertools.product(words, repeat=max_tokens)]
    padded = [row + [symbols.pad] * (max_tokens - len(row)) for row in rows]
    return torch.tensor(padded, device=reference.tokens_BT.device)


def _energies(point: Point, log_p: Tensor, reward: Tensor) -> Tensor:
    """(α log p + R) / (α + β), or its limit log p at α = ∞; at α = 0 the model's −∞ does not count."""
    if math.isinf(point.alpha):
        return log_p
    return (reward if point.alpha == 0.0 else point.alpha * log_p + reward) / point.tau


def _at_token(value_NV: Tensor, token_N: Tensor, keep_N: Tensor) -> Tensor:
    """The value of each row's token, 0 after the target's end."""
    return value_NV.gather(1, token_N[:, None])[:, 0].masked_fill(~keep_N, 0.0)
