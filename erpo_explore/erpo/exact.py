"""The oracle: every target of a tiny vocabulary, with its exact probability.

Legend: N enumerated targets, L longest target (its EOS counted), V vocabulary.

    log q̃(y) = Σ_t log q̃(y_t | y_<t)                           what the token-level sampler draws from
    log q(y)  = (α log p_θ(y) + R(y)) / (α + β) − log Z         the exact E-step, over finished targets

and the two are tied by q(y) ∝ q̃(y) · Π_t Z_t(y_<t), Z_t being the step's normaliser. It costs V^L, and serves tests and
the curious; nothing in training calls it.
"""

import itertools
import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point

__all__ = ["Enumeration", "enumerate_targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """Every target that a sampler with a limit of L tokens can draw.

    Attributes:
        tokens_NL: Targets with EOS, then padding; those of L words have no EOS.
        keep_NL: True on targets and their EOS.
        finished_N: True where the target has its EOS.
        log_p_N: log p_θ(y | x), over the tokens that a target may hold.
        reward_N: R(y | y*) = Σ_t r_t(y_t).
        log_q_token_N: log q̃(y); sums to 1 over all N.
        log_z_N: Σ_t log Z_t(y_<t), with Z_t = Σ_v exp((α log p_θ(v) + r_t(v)) / (α + β)).
        log_q_N: log q(y), normalised over the finished targets, −∞ elsewhere.
    """

    tokens_NL: Int[Tensor, "N L"]
    keep_NL: Bool[Tensor, "N L"]
    finished_N: Bool[Tensor, " N"]
    log_p_N: Float[Tensor, " N"]
    reward_N: Float[Tensor, " N"]
    log_q_token_N: Float[Tensor, " N"]
    log_z_N: Float[Tensor, " N"]
    log_q_N: Float[Tensor, " N"]


@torch.no_grad()
def enumerate_targets(
    point: Point, reward: MixtureReward, model: Seq2Seq, memory: Memory, reference: Reference, max_tokens: int
) -> Enumeration:
    """Enumerate q̃ and q of one source.

    Args:
        point: A point with finite α.
        reward: Its reward.
        model: p_θ, in evaluation mode.
        memory: The encoding of one source.
        reference: Its reference, one row.
        max_tokens: L.

    Raises:
        ValueError: More than one row, α = ∞ or more than a million targets.
    """
    symbols = reference.symbols
    words = [v for v in range(reference.num_tokens) if v not in (*symbols.never_drawn, symbols.eos)]
    if reference.tokens_BT.shape[0] != 1 or math.isinf(point.alpha):
        raise ValueError("enumeration takes one source and a point with finite alpha")
    if len(words) ** max_tokens > 1_000_000:
        raise ValueError(f"{len(words)} words and {max_tokens} tokens are more than a million targets")
    rows = [[*y, symbols.eos] for n in range(max_tokens) for y in itertools.product(words, repeat=n)]
    rows += [list(y) for y in itertools.product(words, repeat=max_tokens)]
    tokens_NL = torch.tensor([row + [symbols.pad] * (max_tokens - len(row)) for row in rows])
    keep_NL = torch.tensor([[True] * len(row) + [False] * (max_tokens - len(row)) for row in rows])
    N = len(rows)

    many = replace(reference, tokens_BT=reference.tokens_BT.expand(N, -1), keep_BT=reference.keep_BT.expand(N, -1))
    memory = memory.take(torch.zeros(N, dtype=torch.long))
    state, decoder = reward.begin(many), model.begin(memory)
    token_N = torch.full((N,), symbols.bos)
    sums = {name: torch.zeros(N) for name in ("log_p", "reward", "log_q", "log_z")}
    for t in range(max_tokens):
        logits_NV, decoder = model.step(memory, decoder, token_N)
        log_p_NV = allowed_log_p(logits_NV, symbols)
        increments_NV = reward.increments(state, log_p_NV)
        energy_NV = increments_NV if point.alpha == 0.0 else point.alpha * log_p_NV + increments_NV
        token_N = tokens_NL[:, t]
        at_N = token_N[:, None]
        values = {
            "log_p": log_p_NV.gather(1, at_N),
            "reward": increments_NV.gather(1, at_N),
            "log_q": torch.log_softmax(energy_NV / point.tau, dim=1).gather(1, at_N),
            "log_z": torch.logsumexp(energy_NV / point.tau, dim=1, keepdim=True),
        }
        for name, value in values.items():
            sums[name] = sums[name] + torch.where(keep_NL[:, t], value[:, 0], 0.0)
        state = reward.advance(state, token_N)

    finished_N = (tokens_NL == symbols.eos).any(1)
    energy_N = sums["reward"] if point.alpha == 0.0 else point.alpha * sums["log_p"] + sums["reward"]
    return Enumeration(
        tokens_NL=tokens_NL,
        keep_NL=keep_NL,
        finished_N=finished_N,
        log_p_N=sums["log_p"],
        reward_N=sums["reward"],
        log_q_token_N=sums["log_q"],
        log_z_N=sums["log_z"],
        log_q_N=torch.log_softmax((energy_N / point.tau).masked_fill(~finished_N, -torch.inf), dim=0),
    )
