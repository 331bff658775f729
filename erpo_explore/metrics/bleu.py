"""BLEU by sacrebleu.

Legend: N sentences.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Int
from sacrebleu.metrics import bleu as sacrebleu

from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["BLEU"]


def _corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    values_ND = _statistics(hypotheses, references)
    hypothesis_length, reference_length, *counts = values_ND.sum(axis=0).tolist()
    bleu = sacrebleu.BLEU.compute_bleu(
        counts[:4], counts[4:], hypothesis_length, reference_length, smooth_method=_scorer().smooth_method
    ).score
    return CorpusScore(
        value=bleu,
        signature=f"BLEU|{_scorer().get_signature()}",
        statistics=CorpusStatistics(kind="bleu", values_ND=values_ND.astype(np.float32)),
        parts={"bleu": bleu},
    )


def _sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    scorer = sacrebleu.BLEU(tokenize="none", force=True, smooth_method="add-k", smooth_value=1, effective_order=True)
    return [
        float(scorer.sentence_score(hypothesis, [reference]).score)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def _statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Int[np.ndarray, "N 10"]:
    """Lengths, n-gram matches and n-gram counts per sentence, in the order of `CorpusStatistics`."""
    # only the counts are read; they do not depend on `effective_order`, without which every sentence causes a warning
    scorer = sacrebleu.BLEU(tokenize="none", force=True, effective_order=True)
    scores = [
        scorer.sentence_score(hypothesis, [reference])
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return np.array([[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in scores])


@cache
def _scorer() -> sacrebleu.BLEU:
    """Scorer for corpora. It scores one at once, since its signature names the number of references only then."""
    scorer = sacrebleu.BLEU(tokenize="none", force=True)
    scorer.corpus_score(["a"], [["a"]])
    return scorer


BLEU: Final = Scorer(name="bleu", corpus=_corpus, sentences=_sentences, tokens=str.split)
"""Corpus BLEU. A sentence alone is smoothed with add-k, k = 1, as the reward is."""
