"""The `model` section of an experiment: one frozen config per kind of model, told apart by `kind`.

A new model of the package is a config (a `ModelKind`) with the name of its builder, and one entry in `ModelConfig`.
A model from outside the package needs neither: `kind: custom` names its function.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from erpo_explore.seq2seq.custom_config import CustomConfig
from erpo_explore.seq2seq.lstm_config import LstmConfig
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig
from erpo_explore.seq2seq.transformer_config import TransformerConfig

__all__ = ["CustomConfig", "LstmConfig", "ModelConfig", "PretrainedConfig", "TransformerConfig"]


def _lstm_unless_named(written: Any) -> Any:
    if isinstance(written, Mapping) and "kind" not in written:
        return {"kind": "lstm", **written}
    return written


ModelConfig = Annotated[
    LstmConfig | TransformerConfig | PretrainedConfig | CustomConfig,
    Field(discriminator="kind"),
    BeforeValidator(_lstm_unless_named),
]
"""The registry of models. A mapping without `kind` is read as an LSTM."""
