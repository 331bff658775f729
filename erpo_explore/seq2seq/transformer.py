"""Pre-norm Transformer encoder and decoder (Vaswani et al. 2017; Xiong et al. 2020).

Legend: B batch, S source length, T target length, V target vocabulary, H hidden size, N heads,
D head size, P dropout masks of the decoder, R all rows of an encoded batch.

    x ← x + part(norm(x))   for each part of a layer: self-attention, attention to the source (decoder), W₂ relu(W₁ x)

A last norm ends each stack, and p(y_{t+1} | y_≤t, x) = softmax(E norm(x_t) + b). The output layer shares its weights
with the target embedding, as in the LSTM. Pre-norm layers train without warm-up. Positions are encoded as sines and
cosines, so the length is not bounded. Dropout applies to embeddings and to the output of each part, not to attention
weights (see `attention`).

Token by token, the decoder caches the keys and values of the tokens that it has read. Those of the source are projected
once, by `encode`. The decoder's dropout can be drawn once for a batch (`settle`): P masks per token, one for the
embedding and three per layer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from erpo_explore.seq2seq.attention import Attention
from erpo_explore.seq2seq.dropout import SeededDropout
from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq
from erpo_explore.seq2seq.transformer_config import TransformerConfig

__all__ = ["TransformerMemory", "TransformerSeq2Seq", "TransformerState", "TransformerStaticState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerMasks:
    """Dropout masks of the decoder. This is no `Rows`: dropping the masks of ended rows would copy those of others."""

    mask_RTPH: Float[Tensor, "R T P H"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerMemory(Memory):
    """Keys and values of the source for each decoder layer.

    Attributes:
        keys_BNSD: One tensor per layer.
        values_BNSD: One tensor per layer.
        masks: Dropout masks of the decoder, if they are drawn (`settle`).
        mask_row_B: Index of each row in the masks.
    """

    keys_BNSD: tuple[Float[Tensor, "B N S D"], ...]
    values_BNSD: tuple[Float[Tensor, "B N S D"], ...]
    masks: TransformerMasks | None = None
    mask_row_B: Int[Tensor, " B"] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the masks are drawn."""
        return self.masks is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerState(DecoderState):
    """Cached keys and values of the T target tokens that have been read.

    Attributes:
        keys_BNTD: One tensor per layer.
        values_BNTD: One tensor per layer.
    """

    keys_BNTD: tuple[Float[Tensor, "B N T D"], ...]
    values_BNTD: tuple[Float[Tensor, "B N T D"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerStaticState(DecoderState):
    """A cache for T tokens that is written in place, for all rows of a batch to its end.

    Attributes:
        keys_BNTD: One tensor per layer; 0 behind the tokens that have been read.
        values_BNTD: One tensor per layer.
        step: Number of tokens that have been read, a tensor, so that one graph does every step.
        position_TH: Embeddings of all positions.
        hidden_TT: 0 where the query of a step may attend, −∞ at later tokens.
        hidden_B1S: 0 at source tokens, −∞ at padding.
        mask_TPBH: Dropout masks, if they are drawn.
    """

    keys_BNTD: tuple[Float[Tensor, "B N T D"], ...]
    values_BNTD: tuple[Float[Tensor, "B N T D"], ...]
    step: Int[Tensor, ""]
    position_TH: Float[Tensor, "T H"]
    hidden_TT: Float[Tensor, "T T"]
    hidden_B1S: Float[Tensor, "B 1 S"]
    mask_TPBH: Float[Tensor, "T P B H"] | None = None


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
        self,
        memory: TransformerMemory,
        layer: int,
        state: TransformerState,
        x_BTH: Float[Tensor, "B T H"],
        masks: Sequence[Tensor | None] = (None, None, None),
    ) -> tuple[Float[Tensor, "B T H"], tuple[Float[Tensor, "B N R D"], Float[Tensor, "B N R D"]]]:
        """Input of the next layer, and this layer's keys and values of all R tokens read so far.

        Args:
            memory: The encoded source.
            layer: Index of this layer.
            state: Cache of the tokens before. It must be empty where x has more than one token.
            x_BTH: Input of this layer.
            masks: Dropout masks of the three parts; None draws a new one.
        """
        normed_BTH = self.own_norm(x_BTH)
        keys_BNTD, values_BNTD = self.own.read(normed_BTH)
        keys_BNRD = torch.cat([state.keys_BNTD[layer], keys_BNTD], dim=2)
        values_BNRD = torch.cat([state.values_BNTD[layer], values_BNTD], dim=2)
        own_BTH = self.own(normed_BTH, keys_BNRD, values_BNRD, causal=x_BTH.shape[1] > 1)
        x_BTH = x_BTH + self.dropout.by(masks[0], own_BTH)
        return self._from_the_source(memory, layer, x_BTH, masks, memory.keep_BS[:, None]), (keys_BNRD, values_BNRD)

    def advance(
        self,
        memory: TransformerMemory,
        layer: int,
        state: TransformerStaticState,
        x_B1H: Float[Tensor, "B 1 H"],
        masks: Sequence[Tensor | None],
        hidden_11T: Float[Tensor, "1 1 T"],
    ) -> Float[Tensor, "B 1 H"]:
        """Input of the next layer after one more token, whose keys and values are written into the cache."""
        normed_B1H, at_1 = self.own_norm(x_B1H), state.step.view(1)
        keys_BN1D, values_BN1D = self.own.read(normed_B1H)
        keys_BNTD = state.keys_BNTD[layer].index_copy_(2, at_1, keys_BN1D)
        values_BNTD = state.values_BNTD[layer].index_copy_(2, at_1, values_BN1D)
        own_B1H = self.own(normed_B1H, keys_BNTD, values_BNTD, keep_BQS=hidden_11T)
        x_B1H = x_B1H + self.dropout.by(masks[0], own_B1H)
        return self._from_the_source(memory, layer, x_B1H, masks, state.hidden_B1S)

    def _from_the_source(
        self, memory: TransformerMemory, layer: int, x_BTH: Tensor, masks: Sequence[Tensor | None], keep_BQS: Tensor
    ) -> Tensor:
        """Attention to the source, then feed-forward."""
        read_BTH = self.cross(
            self.cross_norm(x_BTH), memory.keys_BNSD[layer], memory.values_BNSD[layer], keep_BQS=keep_BQS
        )
        x_BTH = x_BTH + self.dropout.by(masks[1], read_BTH)
        return x_BTH + self.dropout.by(masks[2], self.feed_forward(self.feed_forward_norm(x_BTH)))


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

    def settle(self, memory: TransformerMemory, num_tokens: int) -> TransformerMemory:
        """Draw the masks of the decoder's dropouts; unchanged where nothing is dropped."""
        rows, width = len(memory.keep_BS), self.target_embedding.embedding_dim
        like_RTPH = self.output_bias.detach()[:1].expand(rows, num_tokens, 1 + 3 * len(self.decoder), width)
        mask_RTPH = self.dropout.mask(like_RTPH)
        if mask_RTPH is None:
            return memory
        row_B = torch.arange(rows, device=mask_RTPH.device)
        return replace(memory, masks=TransformerMasks(mask_RTPH=mask_RTPH), mask_row_B=row_B)

    def features(self, memory: TransformerMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Outputs of the last layer at every position of `inputs_BT`, in one pass."""
        return self._run(memory, self.begin(memory), inputs_BT)[0]

    def begin(self, memory: TransformerMemory) -> TransformerState:
        """Empty cache."""
        empty = tuple(keys_BNSD[:, :, :0] for keys_BNSD in memory.keys_BNSD)
        return TransformerState(keys_BNTD=empty, values_BNTD=empty)

    def begin_static(self, memory: TransformerMemory, num_tokens: int) -> TransformerStaticState:
        """Cache of zeros for a number of tokens."""
        first_BNSD = memory.keys_BNSD[0]
        B, N, _, D = first_BNSD.shape
        device, T = first_BNSD.device, num_tokens
        mask_TPBH = None
        if memory.masks is not None:
            mask_BTPH = memory.masks.mask_RTPH[memory.mask_row_B, :T]
            mask_TPBH = mask_BTPH.permute(1, 2, 0, 3).contiguous()
        hidden_TT = torch.full((T, T), -torch.inf, device=device, dtype=first_BNSD.dtype).triu(1)
        hidden_BS = torch.zeros(memory.keep_BS.shape, device=device, dtype=first_BNSD.dtype)
        return TransformerStaticState(
            keys_BNTD=tuple(keys_BNSD.new_zeros(B, N, T, D) for keys_BNSD in memory.keys_BNSD),
            values_BNTD=tuple(values_BNSD.new_zeros(B, N, T, D) for values_BNSD in memory.values_BNSD),
            step=torch.zeros((), dtype=torch.long, device=device),
            position_TH=positions(0, T, self.target_embedding.embedding_dim, device),
            hidden_TT=hidden_TT,
            hidden_B1S=hidden_BS.masked_fill(~memory.keep_BS, -torch.inf)[:, None],
            mask_TPBH=mask_TPBH,
        )

    def advance(
        self,
        memory: TransformerMemory,
        state: TransformerState | TransformerStaticState,
        token_B: Int[Tensor, " B"],
    ) -> tuple[Float[Tensor, "B H"], TransformerState | TransformerStaticState]:
        """Output of the last layer after one more token."""
        if isinstance(state, TransformerStaticState):
            return self._advance_in_place(memory, state, token_B)
        features_BTH, after = self._run(memory, state, token_B[:, None])
        return features_BTH[:, 0], after

    def _advance_in_place(
        self, memory: TransformerMemory, state: TransformerStaticState, token_B: Tensor
    ) -> tuple[Tensor, TransformerStaticState]:
        at_1 = state.step.view(1)
        masks: Sequence[Tensor | None] = [None] * (1 + 3 * len(self.decoder))
        if state.mask_TPBH is not None:
            masks = state.mask_TPBH.index_select(0, at_1)[0, :, :, None].unbind(0)
        scale = math.sqrt(self.target_embedding.embedding_dim)
        embedded_B1H = self.target_embedding(token_B)[:, None] * scale + state.position_TH.index_select(0, at_1)
        x_B1H = self.dropout.by(masks[0], embedded_B1H)
        hidden_11T = state.hidden_TT.index_select(0, at_1)[None]
        for index, layer in enumerate(self.decoder):
            some = masks[1 + 3 * index : 4 + 3 * index]
            x_B1H = layer.advance(memory, index, state, x_B1H, some, hidden_11T)  # type: ignore[operator]
        return self.decoder_norm(x_B1H)[:, 0], replace(state, step=state.step + 1)

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
        first, T = state.keys_BNTD[0].shape[2], inputs_BT.shape[1]
        masks: Sequence[Tensor | None] = [None] * (1 + 3 * len(self.decoder))
        if memory.masks is not None:
            masks = memory.masks.mask_RTPH[memory.mask_row_B, first : first + T].unbind(2)
        x_BTH = self._embed(self.target_embedding, inputs_BT, first=first, mask_BLH=masks[0])
        read = []
        for index, layer in enumerate(self.decoder):
            x_BTH, keys_and_values = layer(memory, index, state, x_BTH, masks[1 + 3 * index : 4 + 3 * index])
            read.append(keys_and_values)
        keys_BNTD, values_BNTD = zip(*read, strict=True)
        return self.decoder_norm(x_BTH), TransformerState(keys_BNTD=keys_BNTD, values_BNTD=values_BNTD)

    def _embed(
        self, embedding: nn.Embedding, tokens_BL: Tensor, *, first: int, mask_BLH: Tensor | None = None
    ) -> Tensor:
        """Word and position embeddings; `first` is the position of the first token."""
        scale = math.sqrt(embedding.embedding_dim)
        positions_LH = positions(first, tokens_BL.shape[1], embedding.embedding_dim, tokens_BL.device)
        return self.dropout.by(mask_BLH, embedding(tokens_BL) * scale + positions_LH)


def positions(first: int, length: int, hidden_size: int, device: torch.device) -> Float[Tensor, "L H"]:
    """Embeddings [sin(t ω_i); cos(t ω_i)] of positions t = first, first + 1, …, with ω_i = 10000^(−2i/H)."""
    position_L1 = torch.arange(first, first + length, device=device)[:, None]
    angle_LX = position_L1 * torch.exp(
        torch.arange(0, hidden_size, 2, device=device) * (-math.log(10_000.0) / hidden_size)
    )
    return torch.cat([angle_LX.sin(), angle_LX.cos()], dim=-1)
