"""Corpus scores of decoded text: BLEU by sacrebleu, ROUGE by rouge-score.

Legend: N sentences, D statistics per sentence.

Scores are 0–100. Text is scored as the task provides it (`tokenize none`). Each score carries the signature of the
package that computed it, so that it can be compared with numbers from elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float, Int
from sacrebleu.metrics.bleu import BLEU

from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["SCORERS", "Scorer", "score_sentences", "score_texts"]

_ROUGES: Final = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True, slots=True)
class Scorer:
    """How a task is scored.

    Attributes:
        corpus: From hypotheses and references, the fields of `Scores` that the metric fills.
        sentences: From hypotheses and references, the metric of each sentence alone, 0–100.
    """

    corpus: Callable[[Sequence[str], Sequence[str]], dict[str, Any]]
    sentences: Callable[[Sequence[str], Sequence[str]], list[float]]


def score_texts(
    metric: Literal["bleu", "rouge"], hypotheses: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Score a corpus.

    Args:
        metric: Corpus BLEU, or the mean over sentences of ROUGE-1, -2 and -L F1.
        hypotheses: Model outputs, with spaces between words.
        references: One reference per hypothesis.

    Returns:
        The fields of `Scores` that the metric fills, with score, signature and statistics.
    """
    return SCORERS[metric].corpus(hypotheses, references)


def score_sentences(
    metric: Literal["bleu", "rouge"], hypotheses: Sequence[str], references: Sequence[str]
) -> list[float]:
    """The metric of each sentence alone, 0–100; BLEU is smoothed with add-k, k = 1, as the reward is."""
    return SCORERS[metric].sentences(hypotheses, references)


def _bleu_corpus(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    values_ND = _bleu_statistics(hypotheses, references)
    hypothesis_length, reference_length, *counts = values_ND.sum(axis=0).tolist()
    bleu = BLEU.compute_bleu(
        counts[:4], counts[4:], hypothesis_length, reference_length, smooth_method=_bleu_scorer().smooth_method
    ).score
    return {
        "bleu": bleu,
        "score": bleu,
        "signature": f"BLEU|{_bleu_scorer().get_signature()}",
        "statistics": CorpusStatistics(kind="bleu", values_ND=values_ND.astype(np.float32)),
    }


def _bleu_sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    scorer = BLEU(tokenize="none", force=True, smooth_method="add-k", smooth_value=1, effective_order=True)
    return [
        float(scorer.sentence_score(hypothesis, [reference]).score)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def _bleu_statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Int[np.ndarray, "N 10"]:
    """Lengths, n-gram matches and n-gram counts per sentence, in the order of `CorpusStatistics`."""
    # only the counts are read; they do not depend on `effective_order`, without which every sentence causes a warning
    scorer = BLEU(tokenize="none", force=True, effective_order=True)
    scores = [
        scorer.sentence_score(hypothesis, [reference])
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return np.array([[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in scores])


def _rouge_corpus(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    values_ND = _rouge_scores(hypotheses, references)
    rouge = {name.lower(): float(mean) for name, mean in zip(_ROUGES, values_ND.mean(axis=0), strict=True)}
    return {
        **rouge,
        "score": sum(rouge.values()) / len(rouge),
        "signature": f"ROUGE|f1|mean:1,2,L|stem:no|tok:default|version:{version('rouge-score')}",
        "statistics": CorpusStatistics(kind="mean", values_ND=values_ND.astype(np.float32)),
    }


def _rouge_sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    return [float(mean) for mean in _rouge_scores(hypotheses, references).mean(axis=1)]


def _rouge_scores(hypotheses: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "N 3"]:
    """ROUGE-1, -2 and -L F1 per sentence, 0–100."""
    scores = [
        _rouge_scorer().score(reference, hypothesis)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    values_ND = np.array([[score[name].fmeasure for name in _ROUGES] for score in scores], dtype=np.float64)
    return 100.0 * values_ND.reshape(-1, len(_ROUGES))


@cache
def _bleu_scorer() -> BLEU:
    """Scorer for corpora. It scores one at once, since its signature names the number of references only then."""
    scorer = BLEU(tokenize="none", force=True)
    scorer.corpus_score(["a"], [["a"]])
    return scorer


@cache
def _rouge_scorer() -> Any:
    # imports NLTK and scikit-learn, which takes a quarter of the time that a worker needs to start
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(_ROUGES))


SCORERS: Final[Mapping[str, Scorer]] = {
    "bleu": Scorer(_bleu_corpus, _bleu_sentences),
    "rouge": Scorer(_rouge_corpus, _rouge_sentences),
}
"""Scorers by name of the task's metric; `Task.metric` takes these names."""
