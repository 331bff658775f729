"""The interface between a sequence-to-sequence model and everything that trains or decodes it.

Legend: B batch, S source length, T target length, V target vocabulary, H units.

A model is asked in two ways that must agree, and a conformance suite holds every model to it: `decode` scores a whole
given prefix at once (teacher forcing), `step` scores one token after the other (sampling, greedy decoding).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

__all__ = ["DecoderState", "Memory", "Seq2Seq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the encoder leaves for the decoder.

    Attributes:
        keys_BSH: What attention is matched against.
        values_BSH: What attention reads.
        keep_BS: True where a source token counts.
        hidden_BH: First hidden state of the decoder.
        cell_BH: First cell state of the decoder.
    """

    keys_BSH: Float[Tensor, "B S H"]
    values_BSH: Float[Tensor, "B S H"]
    keep_BS: Bool[Tensor, "B S"]
    hidden_BH: Float[Tensor, "B H"]
    cell_BH: Float[Tensor, "B H"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderState:
    """What the decoder carries from one token to the next."""

    hidden_BH: Float[Tensor, "B H"]
    cell_BH: Float[Tensor, "B H"]


class Seq2Seq(nn.Module, ABC):
    """p_θ(y | x), one token after the other."""

    @abstractmethod
    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> Memory:
        """Read the sources."""

    @abstractmethod
    def decode(self, memory: Memory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits of the token after each prefix of `inputs_BT`, which begins with BOS."""

    @abstractmethod
    def begin(self, memory: Memory) -> DecoderState:
        """The decoder's state before its first input."""

    @abstractmethod
    def step(
        self, memory: Memory, state: DecoderState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B V"], DecoderState]:
        """Logits of the next token after reading `token_B`, and the state after it."""

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters())
