"""`training`: budget, optimizer and evaluation of a trial."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from erpo_explore.config.section import Section

__all__ = ["LastWeights", "Training"]

_DEFAULT_STEPS: Final = 600
_DEFAULT_BATCH_SIZE: Final = 64
_NUM_REPORTS: Final = 10
"""Evaluations per trial that the default interval aims at."""

_LATER: Final[Any] = None
"""Value of a field that other fields or the data decide."""


class LastWeights(Section):
    """The mean of the weights after the last intervals."""

    last: Annotated[int, Field(ge=2, le=100)]
    """Number of intervals N."""


class Training(Section):
    """Budget, optimizer and evaluation of every trial."""

    steps: Annotated[int, Field(ge=1)] = _LATER
    """Budget of a trial, in optimizer steps. Default: 600, unless `epochs` is given. `epochs` become steps when the
    data are loaded, and this is None until then."""

    epochs: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Budget of a trial, in passes over the train pairs; instead of `steps`, which are rounded up to a multiple of
    `interval`."""

    interval: Annotated[int, Field(ge=1)] = _LATER
    """Evaluation interval, in steps. A population decides after each. Must divide `steps`. Default: about a tenth of
    the budget, so that it divides it."""

    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Sentence pairs per step. Default: 64, unless `batch_tokens` is given."""

    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens per step, instead of `batch_size`: pairs times the longest source and target, each with EOS. So
    padding counts. A pair that is longer is a step of its own."""

    micro_batch: Annotated[int, Field(ge=1)] | None = None
    """Pairs per forward and backward pass; the gradients of a step are added up. Default: all pairs at once. It saves
    memory and changes no number but by rounding, and by the masks of dropout."""

    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    """Learning rate of Adam."""

    decay: Literal["none", "linear"] = "none"
    """Schedule of the learning rate: `none` keeps it constant; `linear` lowers it to 0 at the end of the budget."""

    jump_warmup: Annotated[int, Field(ge=0)] = 0
    """Steps after a jump of a path in which the learning rate rises to its value: Adam's moments are then of another
    loss. Default: 0, no warm-up."""

    clip_norm: Annotated[float, Field(gt=0.0)] = 5.0
    """Largest norm of the gradient. A longer gradient is scaled down to it."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of matrix products: `bf16` uses torch's autocast. Weights, losses and draws stay in fp32."""

    average: Literal["ema"] | LastWeights | None = None
    """Average of the weights that is evaluated, tested and used in the place of the last weights: `ema`, a moving
    average over steps, or `{last: N}`, the mean after the last N intervals. Training itself goes on from the weights.
    Checkpoints grow by a third of their size, or by N thirds. Default: none."""

    validation_limit: Annotated[int, Field(ge=1)] | None = None
    """Number of validation pairs to evaluate on, from the first on. Default: all of them."""

    beam_width: Annotated[int, Field(ge=1, le=256)] = 1
    """Hypotheses per sentence when validation sentences are decoded. 1 is greedy, and several times faster than 5."""

    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    """Exponent of the length penalty of a beam: log p is divided by ((5 + length) / 6) to this power. 0 prefers short
    hypotheses, 1 almost removes the preference."""

    @model_validator(mode="before")
    @classmethod
    def _has_one_budget_and_batch(cls, written: Any) -> Any:
        """Fill in the defaults that depend on other fields."""
        if not isinstance(written, Mapping):
            return written
        given = {field: value for field, value in written.items() if value is not None or field not in _ALTERNATIVES}
        if "steps" in given and "epochs" in given:
            raise ValueError(
                f"steps and epochs must not both be given, got steps={given['steps']} and epochs={given['epochs']}; "
                "leave one out"
            )
        if "batch_size" in given and "batch_tokens" in given:
            raise ValueError(
                f"batch_size and batch_tokens must not both be given, got batch_size={given['batch_size']} and "
                f"batch_tokens={given['batch_tokens']}; leave one out"
            )
        if "batch_tokens" not in given:
            given.setdefault("batch_size", _DEFAULT_BATCH_SIZE)
        return given if "epochs" in given else {"steps": _DEFAULT_STEPS, **given}

    @model_validator(mode="after")
    def _interval_divides_steps(self) -> "Training":
        if self.epochs is not None:
            return self
        if self.interval is None:
            # a frozen value may be completed by its own validator alone
            self.__dict__["interval"] = self.steps // _num_reports(self.steps)
        elif self.steps % self.interval != 0:
            raise ValueError(f"interval must divide steps={self.steps}, got {self.interval}")
        return self

    def in_steps(self, steps_per_epoch: int) -> "Training":
        """The same training with `steps` instead of `epochs`.

        >>> Training(epochs=2.5).in_steps(100).steps
        250
        >>> Training(epochs=2, interval=80).in_steps(100).steps
        240

        Args:
            steps_per_epoch: Batches of one pass over the train pairs.

        Raises:
            ValueError: `interval` is longer than the budget.
        """
        if self.epochs is None:
            return self
        steps = max(1, math.ceil(self.epochs * steps_per_epoch))
        interval = self.interval or math.ceil(steps / _NUM_REPORTS)
        if interval > steps:
            raise ValueError(
                f"training.interval must be at most {steps}, the steps of epochs={self.epochs:g} with these data, "
                f"got {interval}; lower it or leave it out"
            )
        steps = math.ceil(steps / interval) * interval
        return self.model_copy(update={"steps": steps, "epochs": None, "interval": interval})


_ALTERNATIVES: Final = ("steps", "epochs", "interval", "batch_size", "batch_tokens")
"""Fields of which some exclude others; `to_dict` writes those as null."""


def _num_reports(steps: int) -> int:
    """The number of equal intervals, nearest to ten, that `steps` can be divided into."""
    divisors = [number for number in range(1, 2 * _NUM_REPORTS) if steps % number == 0]
    return min(divisors, key=lambda number: (abs(number - _NUM_REPORTS), -number))
