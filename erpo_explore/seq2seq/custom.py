"""Models from outside the package, built by a function that the configuration names."""

from typing import Any

import torch

from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_named
from erpo_explore.seq2seq.custom_config import CustomConfig
from erpo_explore.seq2seq.model import Seq2Seq

__all__ = ["build_custom"]


def build_custom(
    config: CustomConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
) -> Seq2Seq:
    """Call the named function.

    Raises:
        ConfigError: The function cannot be imported, fails, or returns no `Seq2Seq`.
    """
    build = load_named("model.function", config.function, "a function that builds a model")
    try:
        model = build(num_source, num_target, pad=pad, generator=generator, **config.settings)
    except Exception as error:  # any error of the user's function
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(
            f"model.function={config.function} failed ({why}); it is called with num_source, num_target, pad=, "
            f"generator= and {_listed(config.settings)}"
        ) from error
    if not isinstance(model, Seq2Seq):
        raise ConfigError(
            f"model.function={config.function} must return an erpo_explore.seq2seq.Seq2Seq, got {type(model).__name__}"
        )
    return model


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}=" for name in settings) or "no settings"
