"""Greedy decoding: from a model and encoded sources to target tokens.

Legend: B batch, N rows that have not ended, T steps taken, V target vocabulary.

Rows that have ended are dropped from the batch: the longest hypothesis is often twice as long as most others.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.seq2seq.model import Memory, Seq2Seq
from erpo_explore.symbols import Symbols

__all__ = ["greedy"]


@torch.no_grad()
def greedy(model: Seq2Seq, memory: Memory, symbols: Symbols, max_tokens: int) -> Int[Tensor, "B T"]:
    """Take the likeliest next token at each step, until EOS.

    Args:
        model: Scores the next token; the caller sets its mode (training or evaluation).
        memory: The encoded sources.
        symbols: BOS begins, EOS ends, pad fills a finished row; pad, BOS and UNK are never generated.
        max_tokens: Longest hypothesis, including EOS.

    Returns:
        Tokens [B, T], T ≤ max_tokens, without BOS; padding after EOS.
    """
    state = model.begin(memory)
    device = memory.keep_BS.device
    row_N = torch.arange(memory.keep_BS.shape[0], device=device)
    token_N = torch.full_like(row_N, symbols.bos)
    excluded = torch.tensor(symbols.never_drawn, device=device)
    tokens_BT = torch.full((len(row_N), max_tokens), symbols.pad, device=device)
    for step in range(max_tokens):
        logits_NV, state = model.step(memory, state, token_N)
        token_N = logits_NV.index_fill_(1, excluded, -torch.inf).argmax(-1)
        tokens_BT[row_N, step] = token_N
        going_N = (token_N != symbols.eos).nonzero()[:, 0]
        if len(going_N) == 0:
            return tokens_BT[:, : step + 1]
        if len(going_N) < len(row_N):
            memory, state = memory.take(going_N), state.take(going_N)
            row_N, token_N = row_N[going_N], token_N[going_N]
    return tokens_BT
