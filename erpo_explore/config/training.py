"""`training`: budget, optimizer and evaluation of a trial."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from erpo_explore.config.section import Section

__all__ = ["Training"]


class Training(Section):
    """Budget, optimizer and evaluation of every trial."""

    steps: Annotated[int, Field(ge=1)] = 600
    """Budget of a trial, in optimizer steps."""

    interval: Annotated[int, Field(ge=1)] = 100
    """Evaluation interval, in steps. A population decides after each. Must divide `steps`."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    """Sentence pairs per step."""

    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    """Learning rate of Adam."""

    decay: Literal["none", "linear"] = "none"
    """Schedule of the learning rate: `none` keeps it constant; `linear` lowers it to 0 at the end of the budget."""

    clip_norm: Annotated[float, Field(gt=0.0)] = 5.0
    """Largest norm of the gradient. A longer gradient is scaled down to it."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of matrix products: `bf16` uses torch's autocast. Weights, losses and draws stay in fp32."""

    validation_limit: Annotated[int, Field(ge=1)] | None = None
    """Number of validation pairs to evaluate on, from the first on. Default: all of them."""

    beam_width: Annotated[int, Field(ge=1, le=256)] = 1
    """Hypotheses per sentence when validation sentences are decoded. 1 is greedy, and several times faster than 5."""

    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    """Exponent of the length penalty of a beam: log p is divided by ((5 + length) / 6) to this power. 0 prefers short
    hypotheses, 1 almost removes the preference."""

    @model_validator(mode="after")
    def _interval_divides_steps(self) -> "Training":
        if self.steps % self.interval != 0:
            raise ValueError(f"interval must divide steps={self.steps}, got {self.interval}")
        return self
