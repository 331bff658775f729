"""`test`: decoding of the test set at the end of a trial."""

from typing import Annotated

from pydantic import Field, model_validator

from erpo_explore.config.section import Section

__all__ = ["FinalTest"]


class FinalTest(Section):
    """Decoding of the test set at the end of a trial, with the last weights of the trial.

    The last weights are the outcome of the budget. The best weights on the validation set would be selected by noise
    once more, and an annealed path is meant to be judged at its end.
    """

    beam_width: Annotated[int, Field(ge=1, le=256)] = 5
    """Hypotheses per sentence; 1 is greedy."""

    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    """Exponent of the length penalty, as in `training`."""

    tune: bool = False
    """Whether each trial chooses its beam width (1, 2, 5, 10) and length penalty (0, 0.5, 1, 1.5) by the score of its
    last weights on the validation set. The two fields above must then be left out."""

    @model_validator(mode="after")
    def _check_tuned(self) -> "FinalTest":
        chosen = FinalTest.model_fields
        if self.tune and any(getattr(self, name) != chosen[name].default for name in ("beam_width", "length_penalty")):
            raise ValueError("tune: true chooses beam_width and length_penalty; leave them out, or tune")
        return self
