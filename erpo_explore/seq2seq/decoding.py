"""Decoding: from a model and sources to target tokens.

Legend: B batch, T steps taken, V target vocabulary.
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
    num_rows = memory.keep_BS.shape[0]
    token_B = torch.full((num_rows,), symbols.bos, device=memory.keep_BS.device)
    finished_B = torch.zeros(num_rows, dtype=torch.bool, device=memory.keep_BS.device)
    tokens: list[Tensor] = []
    for _ in range(max_tokens):
        logits_BV, state = model.step(memory, state, token_B)
        logits_BV[:, list(symbols.never_drawn)] = float("-inf")
        token_B = logits_BV.argmax(-1).masked_fill(finished_B, symbols.pad)
        tokens.append(token_B)
        finished_B = finished_B | (token_B == symbols.eos)
        if bool(finished_B.all()):
            break
    return torch.stack(tokens, dim=1)
