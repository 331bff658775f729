"""Sentence chrF (Popović 2015), computed by sacrebleu: the F-score of character n-grams."""

from typing import Final

from sacrebleu.metrics.chrf import CHRF

__all__ = ["chrf"]

_CHRF: Final = CHRF()


def chrf(hypotheses: list[str], references: list[str]) -> list[float]:
    """ChrF of each hypothesis against its reference, 0–1.

    Example:
        >>> chrf(["a cat", ""], ["a cat", "a dog"])
        [1.0, 0.0]
    """
    return [
        _CHRF.sentence_score(hypothesis, [reference]).score / 100.0
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
