"""What a user may say about the model: one frozen model a kind, told apart by `kind`.

Each kind also knows its `num_parameters(num_source, num_target)`, so that room for checkpoints can be asked for before
anything is built.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from erpo_explore.seq2seq.custom import CustomConfig
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig

__all__ = ["LstmConfig", "ModelConfig", "TransformerConfig"]

Units = Annotated[int, Field(ge=2, le=8192, multiple_of=2)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


class _Kind(BaseModel):
    """Values of one kind; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LstmConfig(_Kind):
    """Bidirectional LSTM encoder, LSTM decoder with Luong attention; the defaults are those of Tan et al. (2018)."""

    kind: Literal["lstm"] = "lstm"
    """Names the kind; a model without one is this."""

    hidden_size: Units = 256
    """Width of embeddings, encoder output and decoder state. Even, since each encoder direction has half of it."""

    dropout: Dropout = 0.2
    """Share of embedding and output units that are dropped in training."""

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Of two vocabularies of these sizes: embeddings, LSTMs, bridge, attention, and a bias a target token."""
        H = self.hidden_size
        return H * (num_source + num_target) + num_target + 21 * H**2 + 18 * H


class TransformerConfig(_Kind):
    """Pre-norm Transformer encoder and decoder; the defaults suit some ten thousand sentence pairs."""

    kind: Literal["transformer"] = "transformer"
    """Names the kind."""

    hidden_size: Units = 256
    """Width of embeddings and layers. Even, since a position is pairs of sine and cosine; `heads` divides it."""

    heads: Annotated[int, Field(ge=1, le=128)] = 4
    """Heads of each attention."""

    layers: Annotated[int, Field(ge=1, le=64)] = 3
    """Layers of the encoder, and as many of the decoder."""

    feed_forward: Annotated[int, Field(ge=1, le=65536)] = 512
    """Hidden units of each layer's feed-forward part."""

    dropout: Dropout = 0.2
    """Share of embedding units, and of what each part of a layer adds, that is dropped in training."""

    @model_validator(mode="after")
    def _heads_divide_units(self) -> "TransformerConfig":
        if self.hidden_size % self.heads != 0:
            raise ValueError(f"heads must divide hidden_size={self.hidden_size}, got {self.heads}")
        return self

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Of two vocabularies of these sizes: embeddings, layers, two last norms, and a bias a target token."""
        H, F = self.hidden_size, self.feed_forward
        attention, feed_forward, norm = 4 * H**2 + H, 2 * H * F + F + H, 2 * H
        encoder_layer = attention + feed_forward + 2 * norm
        decoder_layer = 2 * attention + feed_forward + 3 * norm
        embeddings = H * (num_source + num_target) + num_target
        return embeddings + self.layers * (encoder_layer + decoder_layer) + 2 * norm


def _lstm_unless_named(written: Any) -> Any:
    if isinstance(written, Mapping) and "kind" not in written:
        return {"kind": "lstm", **written}
    return written


ModelConfig = Annotated[
    LstmConfig | TransformerConfig | PretrainedConfig | CustomConfig,
    Field(discriminator="kind"),
    BeforeValidator(_lstm_unless_named),
]
