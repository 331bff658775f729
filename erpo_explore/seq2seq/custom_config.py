"""Settings of a model from outside the package: the function that builds it, and the function's own settings."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from erpo_explore.callables import named
from erpo_explore.seq2seq.kind import ModelKind

__all__ = ["CustomConfig"]


class CustomConfig(ModelKind):
    """A `Seq2Seq` built by a named function: function(num_source, num_target, *, pad, generator, **settings)."""

    builder: ClassVar[str] = "erpo_explore.seq2seq.custom:build_custom"

    kind: Literal["custom"] = "custom"
    """Name of the kind."""

    function: Annotated[str, BeforeValidator(named), Field(pattern=r"^[^:\s]+:[^:\s]+$")]
    """Function that builds the model, as `package.module:function`; in Python also the function itself."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the function."""

    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Size of the model, known by building it once."""
        import torch

        from erpo_explore.seq2seq.custom import build_custom

        generator = torch.Generator().manual_seed(0)
        return build_custom(self, num_source, num_target, pad=0, generator=generator).num_parameters
