"""Decoding: from a model and sources to target tokens.

Legend: B batch, N rows that have not ended, T steps taken, V target vocabulary.

A row that has ended is no longer asked: the longest of a batch is often twice as long as most.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.seq2seq.model import Memory, Seq2Seq
from erpo_explore.symbols import Symbols

__all__ = ["greedy"]


@torch.no_grad()
def greedy(model: Seq2Seq, memory: Memory, symbols: Symbols, max_tokens: int) -> Int[Tensor, "B T"]:
    """The likeliest next token, again and again, until EOS.

    Args:
        model: Scores the next token; its mode (training or not) is the caller's.
        memory: The encoded sources.
        symbols: BOS begins, EOS ends and pads a finished row; pad, BOS and UNK are never said.
        max_tokens: Longest hypothesis, its EOS counted.

    Returns:
        Tokens [B, T], T ≤ max_tokens, without BOS; EOS and behind it padding.
    """
    state = model.begin(memory)
    device = memory.keep_BS.device
    row_N = torch.arange(memory.keep_BS.shape[0], device=device)
    token_N = torch.full_like(row_N, symbols.bos)
    unsaid = torch.tensor(symbols.never_drawn, device=device)
    tokens_BT = torch.full((len(row_N), max_tokens), symbols.pad, device=device)
    for step in range(max_tokens):
        logits_NV, state = model.step(memory, state, token_N)
        token_N = logits_NV.index_fill_(1, unsaid, -torch.inf).argmax(-1)
        tokens_BT[row_N, step] = token_N
        going_N = (token_N != symbols.eos).nonzero()[:, 0]
        if len(going_N) == 0:
            return tokens_BT[:, : step + 1]
        if len(going_N) < len(row_N):
            memory, state = memory.take(going_N), state.take(going_N)
            row_N, token_N = row_N[going_N], token_N[going_N]
    return tokens_BT
