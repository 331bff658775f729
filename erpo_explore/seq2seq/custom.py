"""A model of the user's own: a function that builds it, and what the user sets."""

from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_named
from erpo_explore.seq2seq.model import Seq2Seq

__all__ = ["CustomConfig", "build_custom"]


class CustomConfig(BaseModel):
    """Any `Seq2Seq` that a function builds: function(num_source, num_target, *, pad, generator, **settings)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["custom"] = "custom"
    """Names the kind."""

    function: Annotated[str, Field(pattern=r"^[^:\s]+:[^:\s]+$")]
    """Builds the model, as `package.module:function`."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Passed on by name."""

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Of two vocabularies of these sizes, by building it once.

        Raises:
            ConfigError: It cannot be built.
        """
        return build_custom(
            self, num_source, num_target, pad=0, generator=torch.Generator().manual_seed(0)
        ).num_parameters


def build_custom(
    config: CustomConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
) -> Seq2Seq:
    """Call the user's function.

    Raises:
        ConfigError: It cannot be found, fails, or returns no `Seq2Seq`.
    """
    build = load_named("model.function", config.function, "a function that builds a model")
    try:
        model = build(num_source, num_target, pad=pad, generator=generator, **config.settings)
    except Exception as error:  # whatever the user's function raises
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
