"""A custom model: an encoder and a decoder of one GRU each, without attention.

Legend: B batch, S source length, T target length, V target vocabulary, H hidden size.

`model: {kind: custom, function: 'my_model:build', settings: {hidden_size: 128}}` trains it. The
conformance suite of the tests checks it like the models of the package.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from erpo_explore.seq2seq import DecoderState, Memory, Seq2Seq
from erpo_explore.seq2seq.dropout import SeededDropout


@dataclass(frozen=True, slots=True, kw_only=True)
class GruMemory(Memory):
    """Last state of the encoder. Every tensor has the sentence as its first dimension, so that rows can be selected."""

    last_BH: Float[Tensor, "B H"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GruState(DecoderState):
    """State that the decoder carries from token to token."""

    hidden_BH: Float[Tensor, "B H"]


class GruSeq2Seq(Seq2Seq):
    """An autoregressive model p_θ(y | x) of two GRUs."""

    def __init__(
        self, num_source: int, num_target: int, *, pad: int, generator: torch.Generator, hidden_size: int
    ) -> None:
        """Build the model on the generator's device; the generator draws all random numbers."""
        super().__init__()
        device = generator.device
        self.source_embedding = nn.Embedding(num_source, hidden_size, padding_idx=pad, device=device)
        self.target_embedding = nn.Embedding(num_target, hidden_size, padding_idx=pad, device=device)
        self.encoder = nn.GRU(hidden_size, hidden_size, batch_first=True, device=device)
        self.decoder = nn.GRU(hidden_size, hidden_size, batch_first=True, device=device)
        self.output = nn.Linear(hidden_size, num_target, device=device)
        self.dropout = SeededDropout(0.2, generator)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=hidden_size**-0.5, generator=generator)
        with torch.no_grad():
            self.source_embedding.weight[pad].zero_()
            self.target_embedding.weight[pad].zero_()

    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> GruMemory:
        """Encode the sources as the state at their last token, before the padding."""
        states_BSH, _ = self.encoder(self.dropout(self.source_embedding(source_BS)))
        last_B = keep_BS.sum(1) - 1
        return GruMemory(keep_BS=keep_BS, last_BH=states_BSH[torch.arange(len(last_B)), last_B])

    def features(self, memory: GruMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Decoder states at every position of `inputs_BT`, in one pass."""
        inputs_BTH = self.dropout(self.target_embedding(inputs_BT))
        states_BTH, _ = self.decoder(inputs_BTH, memory.last_BH[None].contiguous())
        return self.dropout(states_BTH)

    def begin(self, memory: GruMemory) -> GruState:
        """State before the first token."""
        return GruState(hidden_BH=memory.last_BH)

    def advance(
        self, memory: GruMemory, state: GruState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B H"], GruState]:
        """Decoder state after one more token: the same as `features`, step by step."""
        input_B1H = self.dropout(self.target_embedding(token_B))[:, None]
        states_B1H, hidden_1BH = self.decoder(input_B1H, state.hidden_BH[None].contiguous())
        return self.dropout(states_B1H[:, 0]), GruState(hidden_BH=hidden_1BH[0])

    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Logits of the next token."""
        return self.output(features_XH)

    @property
    def output_layer(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of `project`; a model whose `project` is not linear leaves this out."""
        return self.output.weight, self.output.bias


def build(
    num_source: int, num_target: int, *, pad: int, generator: torch.Generator, hidden_size: int = 128
) -> GruSeq2Seq:
    """Build the model; the YAML names this function.

    Args:
        num_source: Size of the source vocabulary.
        num_target: Size of the target vocabulary, V.
        pad: Id of the padding token in both.
        generator: Draws all random numbers; the model is built on its device.
        hidden_size: Hidden size H, from `settings`.
    """
    return GruSeq2Seq(num_source, num_target, pad=pad, generator=generator, hidden_size=hidden_size)
