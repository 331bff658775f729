"""Greedy decoding: from a model and encoded sources to target tokens.

Legend: B batch, N rows that have not ended, T steps taken, V target vocabulary.

Rows that have ended are dropped from the batch: the longest hypothesis is often twice as long as most others. On a GPU
they stay and are masked (`ended_rows`).
"""

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.seq2seq.ended_rows import TOKENS_PER_LOOK, masks_ended_rows
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
    if masks_ended_rows(memory.keep_BS.device):
        return _masked_greedy(model, memory, symbols, max_tokens)
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


def _masked_greedy(model: Seq2Seq, memory: Memory, symbols: Symbols, max_tokens: int) -> Int[Tensor, "B T"]:
    """The same with all rows to the end, where the host looks every few tokens whether they have ended."""
    state, device = model.begin_static(memory, max_tokens), memory.keep_BS.device
    token_B = torch.full(memory.keep_BS.shape[:1], symbols.bos, device=device)
    excluded = torch.tensor(symbols.never_drawn, device=device)
    going_B = torch.ones_like(token_B, dtype=torch.bool)
    tokens, going = [], []
    for length in range(1, max_tokens + 1):
        logits_BV, state = model.step(memory, state, token_B)
        token_B = logits_BV.index_fill_(1, excluded, -torch.inf).argmax(-1)
        tokens.append(token_B)
        going.append(going_B)
        going_B = going_B & (token_B != symbols.eos)
        if length % TOKENS_PER_LOOK == 0 and not bool(going_B.any()):
            break
    going_BT = torch.stack(going, dim=1)
    tokens_BT = torch.stack(tokens, dim=1).masked_fill(~going_BT, symbols.pad)
    return tokens_BT[:, : int(going_BT.any(0).sum())]
