"""Scorers of sacrebleu's metrics. BLEU, chrF and TER differ in settings and in the kind of their statistics.

Legend: N sentences, D statistics per sentence.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["sacrebleu_scorer", "sentence_statistics"]


def sacrebleu_scorer(
    name: str,
    metric: Any,
    *,
    kind: str,
    title: str,
    higher_is_better: bool = True,
    alone: Any = None,
    tokens: Callable[[str], list[str]] | None = None,
    parts: Callable[[float], dict[str, float]] = lambda value: {},  # noqa: ARG005 - the interface's argument
    more: str = "",
    max_ngram_order: int | None = None,
) -> Scorer:
    """A scorer of one of sacrebleu's metrics.

    Args:
        name: Name of the metric.
        metric: Metric of sacrebleu that scores a corpus.
        kind: Kind of `CorpusStatistics` that its sentence statistics have.
        title: Beginning of the signature.
        higher_is_better: Direction.
        alone: Metric of sacrebleu that scores a sentence alone. Default: the same.
        tokens: Tokens of a text; None where the metric counts none.
        parts: Columns of the results store that the score fills.
        more: What sacrebleu's signature leaves out.
        max_ngram_order: Longest n-grams, where a setting changes them.
    """
    metric.corpus_score(["a"], [["a"]])  # a signature names the number of references only after a score

    def corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
        values_ND = sentence_statistics(metric, hypotheses, references)
        value = float(metric._compute_score_from_stats(values_ND.sum(axis=0).tolist()).score)
        return CorpusScore(
            value=value,
            signature=f"{title}|{metric.get_signature()}{more}",
            statistics=CorpusStatistics(kind=kind, values_ND=values_ND.astype(np.float32)),
            parts=parts(value),
        )

    def sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
        of_one = alone or metric
        return [
            float(of_one.sentence_score(hypothesis, [reference]).score)
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]

    return Scorer(
        name=name,
        metric=name,
        higher_is_better=higher_is_better,
        corpus=corpus,
        sentences=sentences,
        tokens=tokens,
        max_ngram_order=max_ngram_order,
    )


def sentence_statistics(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "N D"]:
    """What each sentence adds to the sums that sacrebleu computes a score from."""
    if len(hypotheses) != len(references):
        raise ValueError(f"hypotheses and references must be as many, got {len(hypotheses)} and {len(references)}")
    return np.array(metric._extract_corpus_statistics(hypotheses, [list(references)]), dtype=np.float64)
