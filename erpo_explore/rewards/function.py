"""A user's own metric: a function that is named `package.module:function`, and what it returns.

function(hypotheses: list[str], references: list[str]) -> scores in [0, 1], one a hypothesis
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, cast

from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_named

__all__ = ["ScoreFunction", "checked_scores", "load_function"]

ScoreFunction = Callable[[list[str], list[str]], Any]
"""Scores hypotheses against their references; its return value is checked, not trusted."""


def load_function(name: str) -> ScoreFunction:
    """Import the function that a user has named.

    Args:
        name: As `package.module:function`; behind the colon may stand an attribute of an attribute.

    Raises:
        ConfigError: The module cannot be imported, has no such function, or it cannot be called.
    """
    return load_named("reward.metric", name, "a function of hypotheses and references")


def checked_scores(name: str, function: ScoreFunction, hypotheses: list[str], references: list[str]) -> list[float]:
    """What the function says of the hypotheses, if it is one number in [0, 1] for each.

    Raises:
        ConfigError: It is anything else.
    """
    asked = f"reward.metric={name} must return {len(hypotheses)} numbers in [0, 1], one a hypothesis"
    returned = function(hypotheses, references)
    # tensors and arrays become plain numbers
    scores = returned.tolist() if hasattr(returned, "tolist") else returned
    if isinstance(scores, str) or not hasattr(scores, "__iter__"):
        raise ConfigError(f"{asked}, got {_short(returned)}")
    scores = list(scores)
    if len(scores) != len(hypotheses):
        raise ConfigError(f"{asked}, got {len(scores)}")
    for place, score in enumerate(scores):
        # of a NaN no comparison holds
        if isinstance(score, bool) or not isinstance(score, Real) or not 0 <= cast(float, score) <= 1:
            raise ConfigError(f"{asked}, got {_short(score)} for hypothesis {place}, {_short(hypotheses[place])}")
    return [float(score) for score in scores]


def _short(value: Any) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."
