"""Sources of similar length in one batch, so that hardly any padding is computed.

Legend: B batch, S source length, N sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Sentences

__all__ = ["Sources", "source_batches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Sources of one batch.

    Attributes:
        index_B: Index of each source among all.
        source_BS: Tokens with EOS, then padding.
        keep_BS: True at tokens, False at padding.
    """

    index_B: list[int]
    source_BS: Int[Tensor, "B S"]
    keep_BS: Bool[Tensor, "B S"]


def source_batches(
    sentences: Sentences, symbols: Symbols, batch_tokens: int, *, device: torch.device
) -> Iterator[Sources]:
    """Yield every source once, longest first, so that too large a batch fails at once.

    Args:
        sentences: Tokens of all sources, without EOS.
        symbols: EOS ends a row, pad fills it.
        batch_tokens: Most tokens per batch, with EOS and padding. A source that is longer is a batch of its own.
        device: Where the tensors are.
    """
    length_N = sentences.lengths
    order_N = np.argsort(-length_N, kind="stable")
    start = 0
    while start < len(order_N):
        size = max(1, batch_tokens // (int(length_N[order_N[start]]) + 1))
        index_B = order_N[start : start + size]
        padded_BS, row_length_B = sentences.padded(index_B, eos=symbols.eos, pad=symbols.pad)
        keep_BS = np.arange(padded_BS.shape[1]) < row_length_B[:, None]
        yield Sources(
            index_B=index_B.tolist(),
            source_BS=torch.from_numpy(padded_BS).to(device),
            keep_BS=torch.from_numpy(keep_BS).to(device),
        )
        start += size
