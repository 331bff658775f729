"""Transformer encoder and decoder, norms first (Vaswani et al. 2017; Xiong et al. 2020).

Legend: B batch, S source length, T target length, V target vocabulary, H units, N heads, D units of a head.

    x ← x + part(norm(x))   for each part of a layer: attention to itself, to the source (decoder), W₂ relu(W₁ x)

A last norm ends each stack, and p(y_{t+1} | y_≤t, x) = softmax(E norm(x_t) + b): the output layer shares its weights
with the target embedding, as the LSTM's does. Norms first train without warming up. Positions are sines and cosines, so
no length is too long. Dropout falls on embeddings and on what each part adds, not on attention weights (`attention`).

A decoder that goes on token by token keeps the keys and values of what it has read; those of the source are projected
once, with the encoding.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from erpo_explore.seq2seq.attention import Attention
from erpo_explore.seq2seq.dropout import SeededDropout
from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq
from erpo_explore.seq2seq.transformer_config import TransformerConfig

__all__ = ["TransformerMemory", "TransformerSeq2Seq", "TransformerState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerMemory(Memory):
    """The encoded source as each decoder layer reads it.

    Attributes:
        keys_BNSD: One tensor a layer.
        values_BNSD: One tensor a layer.
    """

    keys_BNSD: tuple[Float[Tensor, "B N S D"], ...]
    values_BNSD: tuple[Float[Tensor, "B N S D"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerState(DecoderState):
    """What each decoder layer has read of the target so far.

    Attributes:
        keys_BNTD: One tensor a layer; T tokens have been read.
        values_BNTD: One tensor a layer.
    """

    keys_BNTD: tuple[Float[Tensor, "B N T D"], ...]
    values_BNTD: tuple[Float[Tensor, "B N T D"], ...]


class FeedForward(nn.Sequential):
    """W₂ relu(W₁ x + b₁) + b₂."""

    def __init__(self, config: TransformerConfig, device: torch.device) -> None:
        super().__init__(
            nn.Linear(config.hidden_size, config.feed_forward, device=device),
            nn.ReLU(),
            nn.Linear(config.feed_forward, config.hidden_size, device=device),
        )


class EncoderLayer(nn.Module):
    """Attention to the whole source, then feed-forward."""

    def __init__(self, config: TransformerConfig, dropout: SeededDropout) -> None:
        super().__init__()
        device = dropout.generator.device
        self.own_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.own = Attention(config.hidden_size, config.heads, device=device)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.feed_forward = FeedForward(config, device)
        self.dropout = dropout

    def forward(self, x_BSH: Float[Tensor, "B S H"], keep_BS: Bool[Tensor, "B S"]) -> Float[Tensor, "B S H"]:
        """The next layer's input; what stands in the padding is read by nothing."""
        normed_BSH = self.own_norm(x_BSH)
        x_BSH = x_BSH + self.dropout(self.own(normed_BSH, *self.own.read(normed_BSH), keep_BQS=keep_BS[:, None]))
        next_BSH: Tensor = x_BSH + self.dropout(self.feed_forward(self.feed_forward_norm(x_BSH)))
        return next_BSH


class DecoderLayer(nn.Module):
    """Attention to the target so far, attention to the source, then feed-forward."""

    def __init__(self, config: TransformerConfig, dropout: SeededDropout) -> None:
        super().__init__()
        device = dropout.generator.device
        self.own_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.own = Attention(config.hidden_size, config.heads, device=device)
        self.cross_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.cross = Attention(config.hidden_size, config.heads, device=device)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.feed_forward = FeedForward(config, device)
        self.dropout = dropout

    def forward(
        self, memory: TransformerMemory, layer: int, state: TransformerState, x_BTH: Float[Tensor, "B T H"]
    ) -> tuple[Float[Tensor, "B T H"], tuple[Float[Tensor, "B N R D"], Float[Tensor, "B N R D"]]]:
        """The next layer's input, and the keys and values of all R tokens that this one has now read.

        Args:
            memory: The encoded source.
            layer: Location of this layer.
            state: What has been read before; either nothing, or x is of one token.
            x_BTH: This layer's input.
        """
        normed_BTH = self.own_norm(x_BTH)
        keys_BNTD, values_BNTD = self.own.read(normed_BTH)
        keys_BNRD = torch.cat([state.keys_BNTD[layer], keys_BNTD], dim=2)
        values_BNRD = torch.cat([state.values_BNTD[layer], values_BNTD], dim=2)
        x_BTH = x_BTH + self.dropout(self.own(normed_BTH, keys_BNRD, values_BNRD, causal=x_BTH.shape[1] > 1))
        read_BTH = self.cross(
            self.cross_norm(x_BTH),
            memory.keys_BNSD[layer],
            memory.values_BNSD[layer],
            keep_BQS=memory.keep_BS[:, None],
        )
        x_BTH = x_BTH + self.dropout(read_BTH)
        x_BTH = x_BTH + self.dropout(self.feed_forward(self.feed_forward_norm(x_BTH)))
        return x_BTH, (keys_BNRD, values_BNRD)


class TransformerSeq2Seq(Seq2Seq):
    """A small Transformer."""

    def __init__(
        self, config: TransformerConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
    ) -> None:
        """Build a model on the generator's device.

        Args:
            config: Sizes and dropout.
            num_source: Source vocabulary size.
            num_target: Target vocabulary size V.
            pad: Id of the padding token, in both vocabularies.
            generator: Draws the first weights and every dropout mask; the model keeps it.
        """
        super().__init__()
        H, device = config.hidden_size, generator.device
        self.heads = config.heads
        self.dropout = SeededDropout(config.dropout, generator)
        self.source_embedding = nn.Embedding(num_source, H, padding_idx=pad, device=device)
        self.target_embedding = nn.Embedding(num_target, H, padding_idx=pad, device=device)
        self.encoder = nn.ModuleList(EncoderLayer(config, self.dropout) for _ in range(config.layers))
        self.encoder_norm = nn.LayerNorm(H, device=device)
        self.decoder = nn.ModuleList(DecoderLayer(config, self.dropout) for _ in range(config.layers))
        self.decoder_norm = nn.LayerNorm(H, device=device)
        self.output_bias = nn.Parameter(torch.zeros(num_target, device=device))
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator) -> None:
        """Glorot-uniform matrices, zero biases, norms that scale by 1, embeddings of unit-variance logits."""
        for name, parameter in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(parameter, std=1.0 / math.sqrt(parameter.shape[1]), generator=generator)
            elif parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        with torch.no_grad():
            for embedding in (self.source_embedding, self.target_embedding):
                if embedding.padding_idx is not None:
                    embedding.weight[embedding.padding_idx].zero_()

    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> TransformerMemory:
        """Read the sources; each row must keep at least one token."""
        x_BSH = self._embed(self.source_embedding, source_BS, first=0)
        for layer in self.encoder:
            x_BSH = layer(x_BSH, keep_BS)
        x_BSH = self.encoder_norm(x_BSH)
        read = [layer.cross.read(x_BSH) for layer in self.decoder]  # type: ignore[operator, union-attr]
        keys_BNSD, values_BNSD = zip(*read, strict=True)
        return TransformerMemory(keep_BS=keep_BS, keys_BNSD=keys_BNSD, values_BNSD=values_BNSD)

    def features(self, memory: TransformerMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """What the last layer says after each prefix, all in one pass."""
        return self._run(memory, self.begin(memory), inputs_BT)[0]

    def begin(self, memory: TransformerMemory) -> TransformerState:
        """Nothing has been read."""
        nothing = tuple(keys_BNSD[:, :, :0] for keys_BNSD in memory.keys_BNSD)
        return TransformerState(keys_BNTD=nothing, values_BNTD=nothing)

    def advance(
        self, memory: TransformerMemory, state: TransformerState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B H"], TransformerState]:
        """The same after one more token."""
        features_BTH, after = self._run(memory, state, token_B[:, None])
        return features_BTH[:, 0], after

    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Products with the target embedding, and a bias."""
        return nn.functional.linear(features_XH, *self.output_layer)

    @property
    def output_layer(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]]:
        """The target embedding and the bias."""
        return self.target_embedding.weight, self.output_bias

    def _run(
        self, memory: TransformerMemory, state: TransformerState, inputs_BT: Tensor
    ) -> tuple[Tensor, TransformerState]:
        x_BTH = self._embed(self.target_embedding, inputs_BT, first=state.keys_BNTD[0].shape[2])
        read = []
        for place, layer in enumerate(self.decoder):
            x_BTH, keys_and_values = layer(memory, place, state, x_BTH)
            read.append(keys_and_values)
        keys_BNTD, values_BNTD = zip(*read, strict=True)
        return self.decoder_norm(x_BTH), TransformerState(keys_BNTD=keys_BNTD, values_BNTD=values_BNTD)

    def _embed(self, embedding: nn.Embedding, tokens_BL: Tensor, *, first: int) -> Tensor:
        """Words and places; `first` is the place of the first token."""
        scale = math.sqrt(embedding.embedding_dim)
        places_LH = positions(first, tokens_BL.shape[1], embedding.embedding_dim, tokens_BL.device)
        embedded_BLH: Tensor = self.dropout(embedding(tokens_BL) * scale + places_LH)
        return embedded_BLH


def positions(first: int, length: int, hidden_size: int, device: torch.device) -> Float[Tensor, "L H"]:
    """Of the places t = first, first + 1, …: [sin(t ω_i); cos(t ω_i)] with ω_i = 10000^(−2i/H)."""
    place_L1 = torch.arange(first, first + length, device=device)[:, None]
    angle_LX = place_L1 * torch.exp(
        torch.arange(0, hidden_size, 2, device=device) * (-math.log(10_000.0) / hidden_size)
    )
    return torch.cat([angle_LX.sin(), angle_LX.cos()], dim=-1)
