"""The interface of a model's config: its fields, its size, and the function that builds the model.

A config imports no torch, so that an experiment is read without it. The builder is therefore named, not imported.
"""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Dropout", "HiddenSize", "ModelKind"]

HiddenSize = Annotated[int, Field(ge=2, le=8192, multiple_of=2)]
"""Number of hidden units H."""

Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
"""Probability that a unit is dropped in training."""


class ModelKind(BaseModel, ABC):
    """Settings of one kind of model. Each kind has a field `kind`, a literal with its name; unknown fields are errors.

    Attributes:
        builder: `package.module:function` that builds the model. It is called as
            `builder(config, num_source, num_target, pad=…, generator=…)` and returns a `Seq2Seq`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    builder: ClassVar[str]

    @abstractmethod
    def num_parameters(self, num_source: int, num_target: int) -> int:
        """Number of parameters, known before the model is built: the disk space of checkpoints is checked first.

        Args:
            num_source: Source vocabulary size.
            num_target: Target vocabulary size V.

        Raises:
            ConfigError: The model cannot be found or built.
        """
