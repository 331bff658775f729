"""From a model's config to a model."""

import torch

from erpo_explore.named_function import load_object
from erpo_explore.seq2seq.kind import ModelKind
from erpo_explore.seq2seq.model import Seq2Seq

__all__ = ["build_model"]


def build_model(
    config: ModelKind, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
) -> Seq2Seq:
    """Build the model of a config, on the generator's device.

    Its weights are drawn from the generator, or loaded where the model is pretrained.

    Args:
        config: Kind and settings of the model.
        num_source: Source vocabulary size.
        num_target: Target vocabulary size V.
        pad: Id of the padding token, in both vocabularies.
        generator: Draws the initial weights and every dropout mask; the model keeps it.

    Raises:
        ConfigError: A pretrained model cannot be loaded or has another vocabulary, or a custom model cannot be built.
    """
    build = load_object("model.kind", config.builder)
    model: Seq2Seq = build(config, num_source, num_target, pad=pad, generator=generator)
    return model
