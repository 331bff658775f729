"""Targets drawn from a trained model, as a function of the seed and the number of the line alone.

Legend: B batch, N rows that have not ended, T steps, V target vocabulary.

    y_t ~ softmax(logits / temperature) over the tokens that a target may hold

Each line has random numbers of its own, so its draws depend neither on the other lines nor on the size of a batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.symbols import Symbols

__all__ = ["draw", "uniforms"]


def uniforms(seed: int, keys: Sequence[tuple[int, int]], num_steps: int) -> Float[np.ndarray, "B T"]:
    """Random numbers in [0, 1) for each step of each row; the key of a row is its line and the number of its draw."""
    return np.stack(
        [np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *key)))).random(num_steps) for key in keys]
    )


@torch.no_grad()
def draw(
    model: Seq2Seq,
    memory: Memory,
    symbols: Symbols,
    uniform_BT: Float[np.ndarray, "B T"],
    *,
    temperature: float = 1.0,
) -> tuple[Int[Tensor, "B T"], Float[Tensor, " B"]]:
    """Draw one target per encoded source.

    Args:
        model: The model, in evaluation mode.
        memory: The encoded sources.
        symbols: BOS begins, EOS ends; pad, BOS and UNK are never drawn.
        uniform_BT: One random number per row and step; T is the longest target, including EOS.
        temperature: Divides the logits. Below 1 likely tokens get likelier.

    Returns:
        Tokens, with padding after EOS, and log p_θ of them at temperature 1, over the whole vocabulary.
    """
    device = memory.keep_BS.device
    num_rows, num_steps = uniform_BT.shape
    level_BT = torch.from_numpy(uniform_BT).to(device)
    row_N = torch.arange(num_rows, device=device)
    token_N = torch.full_like(row_N, symbols.bos)
    excluded = torch.tensor(symbols.never_drawn, device=device)
    tokens_BT = torch.full((num_rows, num_steps), symbols.pad, device=device)
    log_p_B = torch.zeros(num_rows, dtype=torch.float64, device=device)
    state = model.begin(memory)
    for step in range(num_steps):
        logits_NV, state = model.step(memory, state, token_N)
        log_p_NV = logits_NV.log_softmax(-1)
        scaled_NV = (logits_NV / temperature).index_fill(1, excluded, -torch.inf)
        below_NV = scaled_NV.double().softmax(-1).cumsum(-1)
        # the first token whose cumulative probability exceeds the number; the sum may end just below 1
        level_N1 = (level_BT[row_N, step] * below_NV[:, -1])[:, None]
        token_N = torch.searchsorted(below_NV, level_N1, right=True)[:, 0].clamp_max(logits_NV.shape[1] - 1)
        tokens_BT[row_N, step] = token_N
        log_p_B[row_N] += log_p_NV.gather(1, token_N[:, None])[:, 0].double()
        going_N = (token_N != symbols.eos).nonzero()[:, 0]
        if len(going_N) == 0:
            break
        if len(going_N) < len(row_N):
            memory, state = memory.take(going_N), state.take(going_N)
            row_N, token_N = row_N[going_N], token_N[going_N]
    return tokens_BT, log_p_B.float()
