"""The interface between a sequence-to-sequence model and everything that trains or decodes it.

Legend: B batch, S source length, T target length, V target vocabulary, H hidden size.

A model is evaluated in two ways that must agree; the conformance suite of the tests checks every model for it.
`features` reads a whole given target at once (teacher forcing). `advance` reads one token after the other (sampling,
decoding). Both return features. `project` turns features into logits; it is a separate call because it costs most and
is often needed at some positions only.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, device, nn

from erpo_explore.rows import Rows
from erpo_explore.seq2seq.dropout import SeededDropout

__all__ = ["DecoderState", "Memory", "Seq2Seq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Rows):
    """Output of the encoder for the decoder. Each model has a subclass with the fields that its decoder reads.

    Attributes:
        keep_BS: True at source tokens, False at padding.
    """

    keep_BS: Bool[Tensor, "B S"]

    @property
    def is_settled(self) -> bool:
        """Whether the decoder's dropout masks are drawn, so that `features` and `advance` use the same ones."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderState(Rows):
    """State that the decoder carries from one token to the next; each model has its own subclass."""

    def reorder(self, row_N: Int[Tensor, " N"]) -> Any:
        """Select rows where each row keeps its source: what depends on the source alone need not be copied."""
        return self.take(row_N)


class Seq2Seq(nn.Module, ABC):
    """An autoregressive model p_θ(y | x)."""

    @abstractmethod
    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> Any:
        """Encode the sources into the model's own subclass of `Memory`."""

    @abstractmethod
    def features(self, memory: Any, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Decoder hidden states at every position of `inputs_BT` (teacher forcing); the inputs begin with BOS."""

    @abstractmethod
    def begin(self, memory: Any) -> Any:
        """State of the decoder before its first input, as the model's own subclass of `DecoderState`."""

    def begin_static(self, memory: Any, num_tokens: int) -> Any:  # noqa: ARG002 - for models with a cache
        """State before the first input whose tensors keep their shapes, for decoding without dropping rows.

        On a GPU such a step can be compiled and captured as one graph. The state may be changed in place by `advance`.

        Args:
            memory: From `encode`.
            num_tokens: Most tokens that `advance` will read.

        Returns:
            A state for `advance`. Default: that of `begin`.
        """
        return self.begin(memory)

    @abstractmethod
    def advance(self, memory: Any, state: Any, token_B: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B H"], Any]:
        """Decoder hidden state after reading `token_B`, and the state to continue from."""

    @abstractmethod
    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Logits of the next token."""

    @property
    def num_positions(self) -> int | None:
        """Longest source or target that the model can read, including EOS or BOS; None without a limit."""
        return None

    @property
    def dropout_generator(self) -> Generator | None:
        """The generator of every dropout mask; None where it is not known."""
        masked = (module for module in self.modules() if isinstance(module, SeededDropout))
        return next((module.generator for module in masked), None)

    @property
    def output_layer(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]] | None:
        """Weight and bias of `project` if it is linear, else None."""
        return None

    def settle(self, memory: Any, num_tokens: int) -> Any:  # noqa: ARG002 - for models that can
        """Draw the decoder's dropout masks once, for all later calls of `features` and `advance`.

        Args:
            memory: From `encode`.
            num_tokens: Longest target that the masks must cover.

        Returns:
            The memory with masks. A model without this feature returns the memory unchanged and draws new masks at
            each call.
        """
        return memory

    def decode(self, memory: Any, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits at every position of `inputs_BT`, in one pass."""
        return self.project(self.features(memory, inputs_BT))

    def step(self, memory: Any, state: Any, token_B: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B V"], Any]:
        """Logits after reading one more token, and the state to continue from."""
        features_BH, after = self.advance(memory, state, token_B)
        return self.project(features_BH), after

    @property
    def device(self) -> device:
        """Device of the parameters."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())
