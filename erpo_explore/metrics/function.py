"""Metrics from outside the package, as functions. What they return is checked.

function(hypotheses: list[str], references: list[str]) -> one score in [0, 1] per hypothesis

The score of a corpus is 100 times the mean over its sentences.
"""

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any, cast

import numpy as np

from erpo_explore.errors import ConfigError
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.named_function import load_named
from erpo_explore.stats.bootstrap import CorpusStatistics, corpus_score

__all__ = ["FunctionMetric", "ScoreFunction", "checked_scores"]

ScoreFunction = Callable[[list[str], list[str]], Any]
"""Scores hypotheses against their references; its return value is checked, not trusted."""


class FunctionMetric(MetricConfig):
    """A function from outside the package, by its name."""

    higher_is_better: bool = True
    """Whether more is better."""

    def build(self) -> Scorer:
        """The scorer of the function."""
        function = load_named("task.metric", self.name, "a function of hypotheses and references")
        if isinstance(function, type):
            raise ConfigError(f"task.metric={self.name}: must be a function of hypotheses and references, got a class")
        return Scorer(
            name=self.name,
            metric=self.name,
            higher_is_better=self.higher_is_better,
            corpus=partial(_corpus, self.name, function, 1.0 if self.higher_is_better else -1.0),
            sentences=partial(_sentences, self.name, function),
        )


def _corpus(
    name: str, function: ScoreFunction, sign: float, hypotheses: Sequence[str], references: Sequence[str]
) -> CorpusScore:
    """The mean of the function's scores, 0–100, for `Scorer`."""
    scores_N = sign * np.array(_sentences(name, function, hypotheses, references), dtype=np.float32)
    statistics = CorpusStatistics(kind="mean", values_ND=scores_N[:, None])
    return CorpusScore(value=sign * corpus_score(statistics), signature=f"{name}|mean", statistics=statistics)


def _sentences(name: str, function: ScoreFunction, hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """The function's score of each sentence, 0–100, for `Scorer`."""
    scores = checked_scores(f"task.metric={name}", function, list(hypotheses), list(references))
    return [100.0 * score for score in scores]


def checked_scores(setting: str, function: ScoreFunction, hypotheses: list[str], references: list[str]) -> list[float]:
    """The function's scores of the hypotheses, one number in [0, 1] per hypothesis.

    Args:
        setting: The setting that names the function, with its value, for error messages.
        function: The function.
        hypotheses: Texts to score.
        references: One reference per hypothesis.

    Raises:
        ConfigError: The function returns anything else.
    """
    requirement = f"{setting} must return {len(hypotheses)} numbers in [0, 1], one per hypothesis"
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
