"""The LSTM with unscaled attention, to measure the effect of the scaling.

    a_ts = softmax_s(h_t · W_a k_s)      instead of      softmax_s(h_t · W_a k_s / √H)

`model: {kind: custom, function: 'benchmarks.speed.unscaled_attention:build', settings: {hidden_size: 128}}` trains it.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from erpo_explore.seq2seq import LstmConfig
from erpo_explore.seq2seq.lstm import LstmMemory, LstmSeq2Seq

__all__ = ["UnscaledLstm", "build"]


class UnscaledLstm(LstmSeq2Seq):
    """LSTM whose keys are √H times as long, which cancels the division."""

    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> LstmMemory:
        """Encode the sources; each row must keep at least one token."""
        memory = super().encode(source_BS, keep_BS)
        return replace(memory, keys_BSH=memory.keys_BSH * math.sqrt(memory.keys_BSH.shape[-1]))


def build(num_source: int, num_target: int, *, pad: int, generator: torch.Generator, **settings: Any) -> UnscaledLstm:
    """Model with the settings of `LstmConfig` and weights from the generator."""
    return UnscaledLstm(LstmConfig(**settings), num_source, num_target, pad=pad, generator=generator)
