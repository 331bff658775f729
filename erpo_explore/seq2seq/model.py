"""The interface between a sequence-to-sequence model and everything that trains or decodes it.

Legend: B batch, S source length, T target length, V target vocabulary, H units.

A model is asked in two ways that must agree, and a conformance suite holds every model to it: `features` reads a whole
given prefix at once (teacher forcing), `advance` reads one token after the other (sampling, decoding). Both end in
features; `project` makes logits of them, apart, because it is the dearest part and often only some places need it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, device, nn

from erpo_explore.rows import Rows

__all__ = ["DecoderState", "Memory", "Seq2Seq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Rows):
    """What the encoder leaves for the decoder; each model adds what its own decoder reads.

    Attributes:
        keep_BS: True where a source token counts.
    """

    keep_BS: Bool[Tensor, "B S"]

    @property
    def is_settled(self) -> bool:
        """Whether what dropout leaves of the decoder has been drawn, so that `features` and `advance` agree on it."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderState(Rows):
    """What the decoder carries from one token to the next; each model has its own."""


class Seq2Seq(nn.Module, ABC):
    """p_θ(y | x), one token after the other."""

    @abstractmethod
    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> Any:
        """Read the sources: the model's own `Memory`."""

    @abstractmethod
    def features(self, memory: Any, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """What the next token after each prefix of `inputs_BT` is told from; the prefixes begin with BOS."""

    @abstractmethod
    def begin(self, memory: Any) -> Any:
        """The decoder's state before its first input: the model's own `DecoderState`."""

    @abstractmethod
    def advance(self, memory: Any, state: Any, token_B: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B H"], Any]:
        """What the next token is told from after reading `token_B`, and the state after it."""

    @abstractmethod
    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Logits of the next token."""

    @property
    def output_layer(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]] | None:
        """Weight and bias of `project`, where it is linear and says so."""
        return None

    def settle(self, memory: Any, num_tokens: int) -> Any:  # noqa: ARG002 - for models that can
        """The memory with the decoder's dropout drawn, once for `features` and `advance` and so many tokens.

        A model that does not offer it returns the memory as it is, and draws anew at each call.
        """
        return memory

    def decode(self, memory: Any, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits after each prefix of `inputs_BT`, all in one pass."""
        return self.project(self.features(memory, inputs_BT))

    def step(self, memory: Any, state: Any, token_B: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B V"], Any]:
        """Logits after one more token, and the state after it."""
        features_BH, after = self.advance(memory, state, token_B)
        return self.project(features_BH), after

    @property
    def device(self) -> device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters())
