"""From a model's config to a model."""

import torch

from erpo_explore.seq2seq.config import LstmConfig, ModelConfig, TransformerConfig
from erpo_explore.seq2seq.lstm import LstmSeq2Seq
from erpo_explore.seq2seq.model import Seq2Seq
from erpo_explore.seq2seq.transformer import TransformerSeq2Seq

__all__ = ["build_model"]


def build_model(
    config: ModelConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
) -> Seq2Seq:
    """Build the model that the config names, with weights drawn from the generator and on its device."""
    match config:
        case LstmConfig():
            return LstmSeq2Seq(config, num_source, num_target, pad=pad, generator=generator)
        case TransformerConfig():
            return TransformerSeq2Seq(config, num_source, num_target, pad=pad, generator=generator)
