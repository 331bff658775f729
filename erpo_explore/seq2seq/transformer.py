"""Pre-norm Transformer encoder and decoder (Vaswani et al. 2017; Xiong et al. 2020).

Legend: B batch, S source length, T target length, V target vocabulary, H hidden size, N heads,
D head size.

    x ← x + part(norm(x))   for each part of a layer: self-attention, attention to the source (decoder), W₂ relu(W₁ x)

A last norm ends each stack, and p(y_{t+1} | y_≤t, x) = softmax(E norm(x_t) + b). The output layer shares its weights
with the target embedding, as in the LSTM. Pre-norm layers train without warm-up. Positions are encoded as sines and
cosines, so the length is not bounded. Dropout applies to embeddings and to the output of each part, not to attention
weights (see `attention`).

Token by token, the decoder caches the keys and values of the tokens that it has read. Those of the source are projected
once, by `encode`.
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
    """Keys and values of the source for each decoder layer.

    Attributes:
        keys_BNSD: One tensor per layer.
        values_BNSD: One tensor per layer.
    """

    keys_BNSD: tuple[Float[Tensor, "B N S D"], ...]
    values_BNSD: tuple[Float[Tensor, "B N S D"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerState(DecoderState):
    """Cached keys and values of the T target tokens that have been read.

    Attributes:
        keys_BNTD: One tensor per layer.
        values_BNTD: One tensor per layer.
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
    """Self-attention over the source, then feed-forward."""

    def __init__(self, config: TransformerConfig, dropout: SeededDropout) -> None:
        super().__init__()
        device = dropout.generator.device
        self.own_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.own = Attention(config.hidden_size, config.heads, device=device)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, device=device)
        self.feed_forward = FeedForward(config, device)
        self.dropout = dropout

    def forward(self, x_BSH: Float[Tensor, "B S H"], keep_BS: Bool[Tensor, "B S"]) -> Float[Tensor, "B S H"]:
        """Input of the next layer; padding is not attended to."""
        normed_BSH = self.own_norm(x_BSH)
        x_BSH = x_BSH + self.dropout(self.own(normed_BSH, *self.own.read(normed_BSH), keep_BQS=keep_BS[:, None]))
        next_BSH: Tensor = x_BSH + self.dropout(self.feed_forward(self.feed_forward_norm(x_BSH)))
        return next_BSH


class DecoderLayer(nn.Module):
    """Self-attention over the target so far, attention to the source, then feed-forward."""

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
        """Input of the next layer, and this layer's keys and values of all R tokens read so far.

        Args:
            memory: The encoded source.
            layer: Index of this layer.
            state: Cache of the tokens before. It must be empty where x has more than one token.
            x_BTH: Input of this layer.
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
    """A Transformer that is trained from scratch."""

    def __init__(
        self, config: TransformerConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
    ) -> None:
        """Build a model on the generator's device.

        Args:
            config: Sizes and dropout.
            num_source: Source vocabulary size.
            num_target: Target vocabulary size V.
            pad: Id of the padding token, in both vocabularies.
            generator: Draws the initial weights and every dropout mask; the model keeps it.
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
        """Encode the sources; each row must have at least one token."""
        x_BSH = self._embed(self.source_embedding, source_BS, first=0)
        for layer in self.encoder:
            x_BSH = layer(x_BSH, keep_BS)
        x_BSH = self.encoder_norm(x_BSH)
        read = [layer.cross.read(x_BSH) for layer in self.decoder]  # type: ignore[operator, union-attr]
        keys_BNSD, values_BNSD = zip(*read, strict=True)
        return TransformerMemory(keep_BS=keep_BS, keys_BNSD=keys_BNSD, values_BNSD=values_BNSD)

    def features(self, memory: TransformerMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Outputs of the last layer at every position of `inputs_BT`, in one pass."""
        return self._run(memory, self.begin(memory), inputs_BT)[0]

    def begin(self, memory: TransformerMemory) -> TransformerState:
        """Empty cache."""
        empty = tuple(keys_BNSD[:, :, :0] for keys_BNSD in memory.keys_BNSD)
        return TransformerState(keys_BNTD=empty, values_BNTD=empty)

    def advance(
        self, memory: TransformerMemory, state: TransformerState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B H"], TransformerState]:
        """Output of the last layer after one more token."""
        features_BTH, after = self._run(memory, state, token_B[:, None])
        return features_BTH[:, 0], after

    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Inner products with the target embeddings, plus a bias."""
        return nn.functional.linear(features_XH, *self.output_layer)

    @property
    def output_layer(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]]:
        """Target embedding matrix and bias."""
        return self.target_embedding.weight, self.output_bias

    def _run(
        self, memory: TransformerMemory, state: TransformerState, inputs_BT: Tensor
    ) -> tuple[Tensor, TransformerState]:
        x_BTH = self._embed(self.target_embedding, inputs_BT, first=state.keys_BNTD[0].shape[2])
        read = []
        for index, layer in enumerate(self.decoder):
            x_BTH, keys_and_values = layer(memory, index, state, x_BTH)
            read.append(keys_and_values)
        keys_BNTD, values_BNTD = zip(*read, strict=True)
        return self.decoder_norm(x_BTH), TransformerState(keys_BNTD=keys_BNTD, values_BNTD=values_BNTD)

    def _embed(self, embedding: nn.Embedding, tokens_BL: Tensor, *, first: int) -> Tensor:
        """Word and position embeddings; `first` is the position of the first token."""
        scale = math.sqrt(embedding.embedding_dim)
        positions_LH = positions(first, tokens_BL.shape[1], embedding.embedding_dim, tokens_BL.device)
        embedded_BLH: Tensor = self.dropout(embedding(tokens_BL) * scale + positions_LH)
        return embedded_BLH


def positions(first: int, length: int, hidden_size: int, device: torch.device) -> Float[Tensor, "L H"]:
    """Embeddings [sin(t ω_i); cos(t ω_i)] of positions t = first, first + 1, …, with ω_i = 10000^(−2i/H)."""
    position_L1 = torch.arange(first, first + length, device=device)[:, None]
    angle_LX = position_L1 * torch.exp(
        torch.arange(0, hidden_size, 2, device=device) * (-math.log(10_000.0) / hidden_size)
    )
    return torch.cat([angle_LX.sin(), angle_LX.cos()], dim=-1)
