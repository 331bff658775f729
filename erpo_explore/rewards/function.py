"""Scores that a metric function returns, checked.

function(hypotheses: list[str], references: list[str]) -> one score in [0, 1] per hypothesis
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, cast

from erpo_explore.errors import ConfigError

__all__ = ["ScoreFunction", "checked_scores"]

ScoreFunction = Callable[[list[str], list[str]], Any]
"""Scores hypotheses against their references; its return value is checked, not trusted."""


def checked_scores(name: str, function: ScoreFunction, hypotheses: list[str], references: list[str]) -> list[float]:
    """The function's scores of the hypotheses, one number in [0, 1] per hypothesis.

    Raises:
        ConfigError: The function returns anything else.
    """
    requirement = f"reward.metric={name} must return {len(hypotheses)} numbers in [0, 1], one per hypothesis"
    returned = function(hypotheses, references)
    # tensors and arrays become plain numbers
    scores = returned.tolist() if hasattr(returned, "tolist") else returned
    if isinstance(scores, str) or not hasattr(scores, "__iter__"):
        raise ConfigError(f"{requirement}, got {_short(returned)}")
    scores = list(scores)
    if len(scores) != len(hypotheses):
        raise ConfigError(f"{requirement}, got {len(scores)}")
    for index, score in enumerate(scores):
        # every comparison with NaN is False
        if isinstance(score, bool) or not isinstance(score, Real) or not 0 <= cast(float, score) <= 1:
            raise ConfigError(f"{requirement}, got {_short(score)} for hypothesis {index}, {_short(hypotheses[index])}")
    return [float(score) for score in scores]


def _short(value: Any) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."
