"""From a model's config to a model."""

import torch

from erpo_explore.seq2seq.config import LstmConfig, ModelConfig, TransformerConfig
from erpo_explore.seq2seq.custom import CustomConfig, build_custom
from erpo_explore.seq2seq.lstm import LstmSeq2Seq
from erpo_explore.seq2seq.model import Seq2Seq
from erpo_explore.seq2seq.pretrained import PretrainedSeq2Seq
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig
from erpo_explore.seq2seq.transformer import TransformerSeq2Seq

__all__ = ["build_model"]


def build_model(
    config: ModelConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
) -> Seq2Seq:
    """Build the model that the config names, on the generator's device.

    Its weights are drawn from the generator, or those that it was pretrained to.

    Raises:
        ConfigError: A pretrained model cannot be loaded, or has another vocabulary; one's own cannot be built.
    """
    match config:
        case LstmConfig():
            return LstmSeq2Seq(config, num_source, num_target, pad=pad, generator=generator)
        case TransformerConfig():
            return TransformerSeq2Seq(config, num_source, num_target, pad=pad, generator=generator)
        case PretrainedConfig():
            return PretrainedSeq2Seq(config, num_source, num_target, generator=generator)
        case CustomConfig():
            return build_custom(config, num_source, num_target, pad=pad, generator=generator)
