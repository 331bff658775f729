"""`test`: decoding of the test set at the end of a trial."""

from typing import Annotated

from pydantic import Field

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
