"""Settings of the Transformer."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from erpo_explore.seq2seq.kind import Dropout, HiddenSize, ModelKind

__all__ = ["TransformerConfig"]


class TransformerConfig(ModelKind):
    """Pre-norm Transformer encoder and decoder; the defaults suit some ten thousand sentence pairs."""

    builder: ClassVar[str] = "erpo_explore.seq2seq.transformer:TransformerSeq2Seq"

    kind: Literal["transformer"] = "transformer"
    """Name of the kind."""

    hidden_size: HiddenSize = 256
    """Width of embeddings and layers. Even: a position is encoded as pairs of sine and cosine. `heads` divides it."""

    heads: Annotated[int, Field(ge=1, le=128)] = 4
    """Heads per attention."""

    layers: Annotated[int, Field(ge=1, le=64)] = 3
    """Layers of the encoder, and as many of the decoder."""

    feed_forward: Annotated[int, Field(ge=1, le=65536)] = 512
    """Hidden units of each layer's feed-forward part."""

    dropout: Dropout = 0.2
    """Share of units that are dropped in training, in the embeddings and in the output of each part of a layer."""

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> "TransformerConfig":
        if self.hidden_size % self.heads != 0:
            raise ValueError(f"heads must divide hidden_size={self.hidden_size}, got {self.heads}")
        return self

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Size of the embeddings, layers and two last norms, and one bias per target token."""
        H, F = self.hidden_size, self.feed_forward
        attention, feed_forward, norm = 4 * H**2 + H, 2 * H * F + F + H, 2 * H
        encoder_layer = attention + feed_forward + 2 * norm
        decoder_layer = 2 * attention + feed_forward + 3 * norm
        embeddings = H * (num_source + num_target) + num_target
        return embeddings + self.layers * (encoder_layer + decoder_layer) + 2 * norm
