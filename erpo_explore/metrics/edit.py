"""Error rates by edit distance: phoneme, word or character error rate, by what a token of the task is.

Legend: N sentences, L tokens of the longest hypothesis, T tokens of the longest reference.

    token error rate = 100 · Σ edits / Σ tokens of the reference

An edit inserts, deletes or replaces one token (Levenshtein 1966). The rate is linear in the reward `edit`, which is
minus the number of edits. It is above 100 where there are more edits than tokens in the references. Left out: moves of
whole phrases, as in TER.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Int

from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics, corpus_score

__all__ = ["EDIT"]

_SIGNATURE: Final = "EDIT|rate:edits/reference|costs:1,1,1|case:mixed|tok:none|version:2"


def _corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    values_N2 = _statistics(hypotheses, references)
    statistics = CorpusStatistics(kind="error_rate", values_ND=values_N2.astype(np.float32))
    rate = -corpus_score(statistics)
    return CorpusScore(
        value=rate,
        signature=_SIGNATURE,
        statistics=statistics,
        parts={
            "token_error_rate": rate,
            "sentence_error_rate": 100.0 * float(np.mean(values_N2[:, 0] > 0)),
        },
    )


def _sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    return [100.0 * edits / length for edits, length in _statistics(hypotheses, references).tolist()]


def _statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Int[np.ndarray, "N 2"]:
    """Edits and tokens of the reference per sentence."""
    hypothesis_words, reference_words = ([text.split() for text in texts] for texts in (hypotheses, references))
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


EDIT: Final = Scorer(name="edit", higher_is_better=False, corpus=_corpus, sentences=_sentences, tokens=str.split)
"""The token error rate, with the sentence error rate beside it."""
