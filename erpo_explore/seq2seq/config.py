"""What a user may say about the model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ModelConfig"]


class ModelConfig(BaseModel):
    """Size and regularisation of the sequence-to-sequence model; the defaults are those of Tan et al. (2018)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lstm"] = "lstm"
    """Bidirectional LSTM encoder, LSTM decoder with Luong attention."""

    units: Annotated[int, Field(ge=2, le=8192, multiple_of=2)] = 256
    """Width of embeddings, encoder output and decoder state. Even, since each encoder direction has half of it."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of embedding and output units that are dropped in training."""
