"""References over a vocabulary of a few words, in rows of different lengths.

Legend: R rows, N copies of one row, T reference length.
"""

from collections.abc import Sequence

import torch

from erpo_explore.erpo import Draw
from erpo_explore.rewards import Reference
from erpo_explore.seq2seq import Memory, Seq2Seq

from .frequencies import Target
from .tiny import EOS, PAD, SYMBOLS, A, B, C

Words = Sequence[int]


def padded(*rows: Words, num_words: int = 3) -> Reference:
    """Each row with its EOS, padded to the longest; the words of the vocabulary are A, A + 1, …"""
    width = 1 + max(map(len, rows))
    tokens_RT = torch.tensor([[*row, EOS, *[PAD] * (width - 1 - len(row))] for row in rows])
    return Reference(tokens_BT=tokens_RT, keep_BT=tokens_RT != PAD, num_tokens=A + num_words, symbols=SYMBOLS)


def copied(words: Words, copies: int, *neighbours: Words, num_words: int = 3) -> Reference:
    """One row many times, padded to the longest of its neighbours."""
    return padded(words, *neighbours, num_words=num_words).take(torch.zeros(copies, dtype=torch.long))


def drawn_targets(draw: Draw) -> list[Target]:
    """The kept labels of each row, including EOS."""
    rows = zip(draw.labels_RT.tolist(), draw.keep_RT.tolist(), strict=True)
    return [tuple(token for token, kept in zip(labels, keep, strict=True) if kept) for labels, keep in rows]


def memory_of(model: Seq2Seq, copies: Sequence[int]) -> Memory:
    """Encodes one source per row, of different lengths, each as often as `copies` gives."""
    sources = [(B, C, A, EOS), (C, EOS), (A, A, B, C, EOS), (B, EOS)]
    source_RS = torch.tensor([[*source, *[PAD] * (5 - len(source))] for source in sources])
    memory: Memory = model.encode(source_RS, source_RS != PAD)
    return memory.take(torch.arange(len(copies)).repeat_interleave(torch.tensor(copies)))
