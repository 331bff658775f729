"""The interface of a metric.

Scores are at most 100, at least 0 but for `edit`, and more is better. Text is scored as the task provides it (`tokenize
none`). Each score carries the signature of the package that computed it, so that it can be compared with numbers from
elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Scorer"]


@dataclass(frozen=True, slots=True)
class Scorer:
    """How decoded text is scored.

    Attributes:
        corpus: From hypotheses and references, one reference per hypothesis, the fields of `trial.evaluation.Scores`
            that the metric fills: score, signature, statistics, and columns of its own.
        sentences: From hypotheses and references, the metric of each sentence alone, 0–100.
    """

    corpus: Callable[[Sequence[str], Sequence[str]], dict[str, Any]]
    sentences: Callable[[Sequence[str], Sequence[str]], list[float]]
