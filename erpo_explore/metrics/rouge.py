"""ROUGE by rouge-score.

Legend: N sentences.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["ROUGE"]

_ROUGES: Final = ("rouge1", "rouge2", "rougeL")


def _corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    values_ND = _scores(hypotheses, references)
    rouge = {name.lower(): float(mean) for name, mean in zip(_ROUGES, values_ND.mean(axis=0), strict=True)}
    return CorpusScore(
        value=sum(rouge.values()) / len(rouge),
        signature=f"ROUGE|f1|mean:1,2,L|stem:no|tok:default|version:{version('rouge-score')}",
        statistics=CorpusStatistics(kind="mean", values_ND=values_ND.astype(np.float32)),
        parts=rouge,
    )


def _sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    return [float(mean) for mean in _scores(hypotheses, references).mean(axis=1)]


def _scores(hypotheses: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "N 3"]:
    """ROUGE-1, -2 and -L F1 per sentence, 0–100."""
    scores = [
        _scorer().score(reference, hypothesis) for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    values_ND = np.array([[score[name].fmeasure for name in _ROUGES] for score in scores], dtype=np.float64)
    return 100.0 * values_ND.reshape(-1, len(_ROUGES))


def _tokens(text: str) -> list[str]:
    return list(_scorer()._tokenizer.tokenize(text))


@cache
def _scorer() -> Any:
    # imports NLTK and scikit-learn, which takes a quarter of the time that a worker needs to start
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(_ROUGES))


ROUGE: Final = Scorer(name="rouge", corpus=_corpus, sentences=_sentences, tokens=_tokens)
"""Mean over sentences of ROUGE-1, -2 and -L F1."""
