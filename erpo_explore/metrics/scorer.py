"""The interface of a metric.

A score is what the metric states: BLEU 31.2, or an error rate of 27.4 %. `higher_is_better` is its direction. Each
score carries the signature of the package that computed it, so that it can be compared with numbers from elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["CorpusScore", "Scorer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusScore:
    """Score of a corpus.

    Attributes:
        value: The score, in the units of the metric.
        signature: Scorer, settings and version that give this number.
        statistics: Contribution of each sentence to the score.
        parts: Further numbers of the same measurement, such as ROUGE-1, -2 and -L, by column of the results store.
    """

    value: float
    signature: str
    statistics: CorpusStatistics
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """How decoded text is scored.

    Attributes:
        name: Name of the metric in results: its label, or what it measures, such as `phoneme error rate`.
        metric: Name of the metric as it is written, such as `edit`, by which a reward finds it.
        higher_is_better: Whether more is better.
        corpus: From hypotheses and references, one reference per hypothesis, the score of all of them.
        sentences: From hypotheses and references, the score of each sentence alone, in the units of the metric.
        tokens: From a text, the tokens that the metric counts; None where it counts no tokens. It is `str.split` itself
            where they are the text's words as they are, since rewards then need no text.
        max_ngram_order: Longest n-grams that a metric of n-grams counts; None where no setting changes them.
    """

    name: str
    metric: str
    higher_is_better: bool = True
    corpus: Callable[[Sequence[str], Sequence[str]], CorpusScore]
    sentences: Callable[[Sequence[str], Sequence[str]], list[float]]
    tokens: Callable[[str], list[str]] | None = None
    max_ngram_order: int | None = None

    def objective(self, score: float) -> float:
        """The score, negated where less is better, so that more is always better."""
        return score if self.higher_is_better else -score
