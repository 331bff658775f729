"""ROUGE by rouge-score, on words or characters of any script, or on rouge-score's own tokens.

Legend: N sentences.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float

from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.tasks.script import TextKind

__all__ = ["Rouge"]

_ROUGES: Final = ("rouge1", "rouge2", "rougeL")


class Rouge(MetricConfig):
    """Mean over sentences of ROUGE-1, -2 and -L F1."""

    name: Literal["rouge"] = "rouge"
    """Name of the metric."""

    tokenizer: Literal["words", "characters", "rouge-score"] | None = None
    """`words` are what spaces separate. `rouge-score` has lower-case words of a–z and 0–9 alone, for comparison with
    numbers from elsewhere. Default: words, or characters for scripts without spaces."""

    lowercase: bool = False
    """Whether case is ignored; `rouge-score` always ignores it."""

    def fitted(self, kind: TextKind) -> tuple["Rouge", str]:
        """Choose characters where the script has no spaces."""
        if self.tokenizer is not None:
            return self, ""
        by_words = kind.is_tokenised or kind.has_spaces
        return self.model_copy(update={"tokenizer": "words" if by_words else "characters"}), ""

    def build(self) -> Scorer:
        """The scorer of these options."""
        tokenizer = self.tokenizer or "words"
        tokens = _TOKENS[tokenizer]()
        if self.lowercase and tokenizer != "rouge-score":
            cased = tokens
            tokens = lambda text: cased(text.lower())  # noqa: E731 - one line with what it replaces
        case = "lc" if self.lowercase or tokenizer == "rouge-score" else "mixed"
        signature = f"ROUGE|f1|mean:1,2,L|case:{case}|stem:no|tok:{tokenizer}|version:{version('rouge-score')}"

        def corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
            values_ND = _scores(tokens, hypotheses, references)
            rouge = {name.lower(): float(mean) for name, mean in zip(_ROUGES, values_ND.mean(axis=0), strict=True)}
            return CorpusScore(
                value=sum(rouge.values()) / len(rouge),
                signature=signature,
                statistics=CorpusStatistics(kind="mean", values_ND=values_ND.astype(np.float32)),
                parts=rouge,
            )

        def sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
            return [float(mean) for mean in _scores(tokens, hypotheses, references).mean(axis=1)]

        return Scorer(name=self.name, metric=self.name, corpus=corpus, sentences=sentences, tokens=tokens)


def _scores(
    tokens: Callable[[str], list[str]], hypotheses: Sequence[str], references: Sequence[str]
) -> Float[np.ndarray, "N 3"]:
    """ROUGE-1, -2 and -L F1 per sentence, 0–100."""
    # imports NLTK and scikit-learn, which takes a quarter of the time that a worker needs to start
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(_ROUGES), tokenizer=_Tokenizer(tokens))
    scores = [scorer.score(reference, hypothesis) for hypothesis, reference in zip(hypotheses, references, strict=True)]
    values_ND = np.array([[score[name].fmeasure for name in _ROUGES] for score in scores], dtype=np.float64)
    return 100.0 * values_ND.reshape(-1, len(_ROUGES))


class _Tokenizer:
    """A tokenizer as rouge-score takes it."""

    def __init__(self, tokens: Callable[[str], list[str]]) -> None:
        self.tokenize = tokens


def _rouge_score_tokens() -> Callable[[str], list[str]]:
    from rouge_score.tokenizers import DefaultTokenizer

    tokenizer: Any = DefaultTokenizer()
    return lambda text: list(tokenizer.tokenize(text))


def _characters(text: str) -> list[str]:
    return list("".join(text.split()))


_TOKENS: Final[dict[str, Callable[[], Callable[[str], list[str]]]]] = {
    "words": lambda: str.split,
    "characters": lambda: _characters,
    "rouge-score": _rouge_score_tokens,
}
