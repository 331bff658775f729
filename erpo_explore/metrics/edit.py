"""Error rates by edit distance: token, word, phoneme, character or sentence error rate.

Legend: N sentences, L tokens of the longest hypothesis, T tokens of the longest reference.

    error rate = 100 · Σ edits / Σ tokens of the reference

An edit inserts, deletes or replaces one token (Levenshtein 1966). The rate is linear in the reward `edit`, which is
minus the number of edits. It is above 100 where there are more edits than tokens in the references. Left out: moves of
whole phrases, as in TER.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np
from jaxtyping import Int

from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics, corpus_score
from erpo_explore.tasks.script import TextKind

__all__ = ["Edit"]


class Edit(MetricConfig):
    """An error rate, in percent: less is better."""

    name: Literal["edit"] = "edit"
    """Name of the metric."""

    unit: Literal["token", "word", "phoneme", "character", "sentence"] | None = None
    """What an edit inserts, deletes or replaces. Tokens, words and phonemes are what spaces separate, and differ in the
    name of the rate. The rate of sentences is 100 minus the share of exact matches. Default: token, or character for
    scripts without spaces."""

    def fitted(self, kind: TextKind) -> tuple["Edit", str]:
        """Choose characters where the script has no spaces."""
        if self.unit is not None:
            return self, ""
        by_words = kind.is_tokenised or kind.has_spaces
        return self.model_copy(update={"unit": "token" if by_words else "character"}), ""

    def build(self) -> Scorer:
        """The scorer of these options."""
        unit = self.unit or "token"
        tokens = _TOKENS.get(unit, str.split)
        return Scorer(
            name=f"{unit} error rate",
            metric=self.name,
            higher_is_better=False,
            corpus=partial(_corpus, tokens, f"EDIT|rate:edits/reference|unit:{unit}|costs:1,1,1|case:mixed|version:2"),
            sentences=partial(_sentences, tokens),
            tokens=tokens,
        )


def _corpus(
    tokens: Callable[[str], list[str]], signature: str, hypotheses: Sequence[str], references: Sequence[str]
) -> CorpusScore:
    values_N2 = _statistics(tokens, hypotheses, references)
    statistics = CorpusStatistics(kind="error_rate", values_ND=values_N2.astype(np.float32))
    rate = -corpus_score(statistics)
    return CorpusScore(
        value=rate,
        signature=signature,
        statistics=statistics,
        parts={
            "token_error_rate": rate,
            "sentence_error_rate": 100.0 * float(np.mean(values_N2[:, 0] > 0)),
        },
    )


def _sentences(tokens: Callable[[str], list[str]], hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    return [100.0 * edits / max(1, length) for edits, length in _statistics(tokens, hypotheses, references).tolist()]


def _statistics(
    tokens: Callable[[str], list[str]], hypotheses: Sequence[str], references: Sequence[str]
) -> Int[np.ndarray, "N 2"]:
    """Edits and tokens of the reference per sentence."""
    hypothesis_words, reference_words = ([tokens(text) for text in texts] for texts in (hypotheses, references))
    ids = {word: index for index, word in enumerate({word for words in reference_words for word in words})}
    reference_NT, length_N = _padded([[ids[word] for word in words] for words in reference_words], -1)
    # a word that no reference has matches nothing, nor does padding
    hypothesis_NL, hypothesis_length_N = _padded(
        [[ids.get(word, -2) for word in words] for words in hypothesis_words], -3
    )
    edits_N = _distances(hypothesis_NL, hypothesis_length_N, reference_NT, length_N)
    return np.stack([edits_N, length_N], axis=1)


def _distances(
    hypothesis_NL: Int[np.ndarray, "N L"],
    hypothesis_length_N: Int[np.ndarray, " N"],
    reference_NT: Int[np.ndarray, "N T"],
    length_N: Int[np.ndarray, " N"],
) -> Int[np.ndarray, " N"]:
    """Levenshtein distances of all sentences at once, a row of the table per token of the hypothesis.

    With D'_j = min(D_j + 1, D_(j−1) + 1[y*_j ≠ v], D'_(j−1) + 1) the last term is a running minimum of D'_j − j.
    """
    position_T1 = np.arange(reference_NT.shape[1] + 1)
    distance_NT1 = np.tile(position_T1, (len(length_N), 1))
    for at, token_N in enumerate(hypothesis_NL.T):
        after_NT1 = distance_NT1 + 1
        replaced_NT = distance_NT1[:, :-1] + (reference_NT != token_N[:, None])
        after_NT1[:, 1:] = np.minimum(after_NT1[:, 1:], replaced_NT)
        after_NT1 = np.minimum.accumulate(after_NT1 - position_T1, axis=1) + position_T1
        distance_NT1 = np.where((at < hypothesis_length_N)[:, None], after_NT1, distance_NT1)
    return np.take_along_axis(distance_NT1, length_N[:, None], axis=1)[:, 0]


def _padded(rows: list[list[int]], padding: int) -> tuple[Int[np.ndarray, "N M"], Int[np.ndarray, " N"]]:
    """Rows of the same length, and the lengths before."""
    length_N = np.array([len(row) for row in rows], dtype=np.int64)
    padded_NM = np.full((len(rows), max(map(len, rows), default=0)), padding, dtype=np.int64)
    for index, row in enumerate(rows):
        padded_NM[index, : len(row)] = row
    return padded_NM, length_N


def _characters(text: str) -> list[str]:
    return list(_whole(text)[0])


def _whole(text: str) -> list[str]:
    return [" ".join(text.split())]


_TOKENS: Final[dict[str, Callable[[str], list[str]]]] = {"character": _characters, "sentence": _whole}
