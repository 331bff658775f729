"""Corpus scores as functions of sums over sentences, and the paired bootstrap over sentences.

Legend: N sentences, D statistics per sentence, B resampled corpora.

A corpus score is a function of a sum of sentence statistics, `score(Σ_n c_n v_n)`, with c_n the number of times that
sentence n is in the corpus. The bootstrap draws the counts c, N sentences with replacement. One product
`counts_BN @ values_ND` gives the sums of all resampled corpora.

All scores here are *objectives*: more is better. An error rate is negated, so a rate of 27.4 % is −27.4. This module
decides that; `metrics.Scorer` has the units of the metric.

The paired bootstrap compares two systems on the same resampled corpora (Koehn 2004, "Statistical Significance Tests for
Machine Translation Evaluation"). Left out: the spread over seeds, which is in `stats.seeds`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

__all__ = [
    "KINDS",
    "Comparison",
    "CorpusStatistics",
    "Resampled",
    "Resamples",
    "compare",
    "corpus_score",
    "kind_of_sum",
    "paired_bootstrap",
    "resample",
]

_COLUMNS: Final = {"bleu": "2 + 2n", "chrf": "3n", "error_rate": "2"}
_PART: Final = re.compile(r"([0-9.e+-]+)\*([a-z_]+):([0-9]+)")
KINDS: Final = ("bleu", "chrf", "mean", "error_rate")
"""Kinds of sentence statistics: which score their sums give. A sum of scores is `0.7*bleu:10 + 0.3*chrf:18`."""
_BETA: Final = 2.0

_TAILS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorpusStatistics:
    """Sentence statistics of a corpus score.

    Single precision, as in the results store, so that stored statistics give the same scores.

    Attributes:
        kind: `bleu`: D = 2 + 2n, length of hypothesis and of reference in words, then n-gram matches and n-grams of
            the hypothesis, each for the orders 1 to n, usually 4. `chrf`: D = 3n, n-grams of the hypothesis, of the
            reference, and matches, for each order. `mean`: D scores of the sentence, 0–100, whose mean over all
            sentences and columns is the corpus score (ROUGE-1, -2 and -L F1). `error_rate`: D = 2, errors and length of
            the reference; the corpus score is −100 · Σ errors / Σ lengths. A sum of these, `0.7*bleu:10 + 0.3*chrf:18`:
            the weight, kind and number of columns of each part, whose columns lie side by side.
        values_ND: One row per sentence.
    """

    kind: str
    values_ND: Float[np.ndarray, "N D"]

    def __post_init__(self) -> None:
        num_sentences, num_columns = self.values_ND.shape
        if num_sentences < 1 or num_columns < 1:
            raise ValueError(f"statistics must have at least one sentence and one column, got {self.values_ND.shape}")
        parts = _parts(self.kind, num_columns)
        for _, kind, columns in parts:
            fits = {"bleu": columns >= 4 and columns % 2 == 0, "chrf": columns % 3 == 0, "error_rate": columns == 2}
            if not fits.get(kind, True):
                raise ValueError(f"statistics of {kind} must have {_COLUMNS[kind]} columns, got {columns}")
        if sum(columns for *_, columns in parts) != num_columns:
            raise ValueError(f"statistics of {self.kind} must have as many columns as its parts, got {num_columns}")
        if not np.isfinite(self.values_ND).all():
            raise ValueError("statistics must be finite")
        object.__setattr__(self, "values_ND", self.values_ND.astype(np.float32))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CorpusStatistics):
            return NotImplemented
        return self.kind == other.kind and np.array_equal(self.values_ND, other.values_ND)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def num_sentences(self) -> int:
        """N, the number of sentences."""
        return int(self.values_ND.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resamples:
    """Corpora drawn with replacement from N sentences, shared by all systems that are compared.

    Attributes:
        counts_BN: Number of times that each sentence is in each corpus; rows sum to N.
    """

    counts_BN: Float[np.ndarray, "B N"]

    @classmethod
    def draw(cls, num_sentences: int, generator: np.random.Generator, *, num_resamples: int = 1000) -> "Resamples":
        """Draw corpora.

        Args:
            num_sentences: N, the size of the corpus and of each resampled one.
            generator: Random generator of the draws.
            num_resamples: B, the number of corpora.
        """
        if num_sentences < 1 or num_resamples < 1:
            raise ValueError(f"must draw at least one sentence and corpus, got {num_sentences} and {num_resamples}")
        index_BN = generator.integers(num_sentences, size=(num_resamples, num_sentences))
        index_BN += num_sentences * np.arange(num_resamples)[:, None]
        counts = np.bincount(index_BN.ravel(), minlength=num_resamples * num_sentences)
        return cls(counts_BN=counts.reshape(num_resamples, num_sentences).astype(np.float64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """Objectives of one system on the corpus and on each resampled one.

    Attributes:
        score: Score of the corpus itself.
        scores_B: Scores of the resampled corpora.
    """

    score: float
    scores_B: Float[np.ndarray, " B"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Difference between two systems on the same sentences, first minus second, on the objective: above 0 is better.

    Attributes:
        difference: Difference of the corpus scores, in points.
        low: Lower end of the 95 % interval of the difference, a percentile of the resampled differences.
        high: Upper end of that interval.
        p_value: Two-sided p-value of the null hypothesis of no difference; the same in either order.
        share_won: Share of the resampled corpora on which the first is better, with a tie as half a win (Koehn 2004).
            1 − share_won is the one-sided p-value of "the first is better".
    """

    difference: float
    low: float
    high: float
    p_value: float
    share_won: float


def corpus_score(statistics: CorpusStatistics) -> float:
    """Compute the objective of the corpus: its score, negated where less is better.

    BLEU equals sacrebleu's, with its default smoothing (`exp`).

    >>> values_ND = np.array([[5, 5, 5, 3, 2, 1, 5, 4, 3, 2], [2, 3, 1, 0, 0, 0, 2, 1, 0, 0]], dtype=np.float32)
    >>> round(corpus_score(CorpusStatistics(kind="bleu", values_ND=values_ND)), 2)
    55.78
    """
    sums_D = statistics.values_ND.sum(axis=0, dtype=np.float64)
    return float(_scores(statistics.kind, sums_D[None], statistics.num_sentences)[0])


def resample(statistics: CorpusStatistics, resamples: Resamples) -> Resampled:
    """Score a system on the corpus and on each resampled one.

    Raises:
        ValueError: The resamples have another number of sentences.
    """
    if resamples.counts_BN.shape[1] != statistics.num_sentences:
        raise ValueError(
            f"resamples of {resamples.counts_BN.shape[1]} sentences do not fit a corpus of {statistics.num_sentences}"
        )
    sums_BD = resamples.counts_BN @ statistics.values_ND.astype(np.float64)
    return Resampled(
        score=corpus_score(statistics), scores_B=_scores(statistics.kind, sums_BD, statistics.num_sentences)
    )


def compare(first: Resampled, second: Resampled) -> Comparison:
    """Compare two systems that were scored on the same resampled corpora.

    With δ the difference of the corpus scores and δ_b those of the resampled corpora,

        p = (1 + #{b : |δ_b| − mean_b |δ_b| ≥ |δ|}) / (1 + B)

    This is the p-value of sacrebleu's paired bootstrap with ≥ in place of >: with >, two equal systems would have
    p = 1 / (1 + B), with ≥ they have p = 1. The test covers only one of the two tails, so at level 0.05 it rejects
    about a tenth of equal systems. `share_won` keeps its level on either side.
    """
    difference = first.score - second.score
    differences_B = first.scores_B - second.scores_B
    low, high = np.quantile(differences_B, _TAILS)
    sizes_B = np.abs(differences_B)
    num_beyond = int(np.sum(sizes_B - sizes_B.mean() >= abs(difference)))
    return Comparison(
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=(1 + num_beyond) / (1 + len(differences_B)),
        share_won=float(np.mean(0.5 * (1.0 + np.sign(differences_B)))),
    )


def paired_bootstrap(first: CorpusStatistics, second: CorpusStatistics, resamples: Resamples) -> Comparison:
    """Compare two systems on the same sentences.

    For many systems, call `resample` once for each, then `compare` for each pair.

    Raises:
        ValueError: The two have statistics of different scores, or of different numbers of sentences.
    """
    if first.kind != second.kind:
        raise ValueError(f"statistics of {first.kind} cannot be compared with statistics of {second.kind}")
    return compare(resample(first, resamples), resample(second, resamples))


def kind_of_sum(weights: Sequence[float], parts: Sequence[CorpusStatistics]) -> str:
    """Kind of the statistics of a weighted sum of objectives, whose columns lie side by side.

    >>> values_ND = np.ones((1, 2), dtype=np.float32)
    >>> kind_of_sum([0.5, 1.0], [CorpusStatistics(kind=kind, values_ND=values_ND) for kind in ("mean", "error_rate")])
    '0.5*mean:2 + 1.0*error_rate:2'
    """
    return " + ".join(
        f"{weight!r}*{part.kind}:{part.values_ND.shape[1]}" for weight, part in zip(weights, parts, strict=True)
    )


def _parts(kind: str, num_columns: int) -> list[tuple[float, str, int]]:
    """Weight, kind and number of columns of each part; of a kind without parts, itself."""
    if kind in KINDS:
        return [(1.0, kind, num_columns)]
    found = [_PART.fullmatch(part) for part in kind.split(" + ")]
    parts = [(float(part[1]), part[2], int(part[3])) for part in found if part is not None]
    if len(parts) != len(found) or any(name not in KINDS for _, name, _ in parts):
        raise ValueError(f"kind of statistics must be one of {', '.join(KINDS)} or a sum of them, got {kind!r}")
    return parts


def _scores(kind: str, sums_BD: Float[np.ndarray, "B D"], num_sentences: int) -> Float[np.ndarray, " B"]:
    """Objectives of corpora of N sentences with these sums of statistics."""
    total_B, begin = np.zeros(len(sums_BD)), 0
    for weight, part, columns in _parts(kind, sums_BD.shape[1]):
        total_B = total_B + weight * _part_scores(part, sums_BD[:, begin : begin + columns], num_sentences)
        begin += columns
    return total_B


def _part_scores(kind: str, sums_BD: Float[np.ndarray, "B D"], num_sentences: int) -> Float[np.ndarray, " B"]:
    scores_B: Float[np.ndarray, " B"]
    match kind:
        case "bleu":
            scores_B = _bleu(sums_BD)
        case "chrf":
            scores_B = _chrf(sums_BD)
        case "mean":
            scores_B = sums_BD.mean(axis=1) / num_sentences
        case "error_rate":
            # a tokenizer may leave nothing of the references; sacrebleu's TER has 100 there, and 0 without an edit
            errors_B, lengths_B = sums_BD[:, 0], sums_BD[:, 1]
            rates_B = errors_B / np.where(lengths_B > 0.0, lengths_B, 1.0)
            scores_B = -100.0 * np.where(lengths_B > 0.0, rates_B, np.minimum(errors_B, 1.0))
        case _:
            raise ValueError(f"no score is computed from statistics of {kind}")
    return scores_B


def _chrf(sums_BD: Float[np.ndarray, "B D"]) -> Float[np.ndarray, " B"]:
    """ChrF = (1 + β²) P R / (β² P + R), with precision P and recall R as means over the orders that both sides have."""
    hypothesis_BO, reference_BO, matches_BO = (sums_BD[:, at::3] for at in range(3))
    counts_BO = (hypothesis_BO > 0.0) & (reference_BO > 0.0)
    num_B = np.maximum(counts_BO.sum(axis=1), 1)
    precision_B, recall_B = (
        np.where(counts_BO, matches_BO / np.where(counts_BO, all_BO, 1.0), 0.0).sum(axis=1) / num_B
        for all_BO in (hypothesis_BO, reference_BO)
    )
    denominator_B = _BETA**2 * precision_B + recall_B
    scores_B: Float[np.ndarray, " B"]
    scores_B = 100.0 * (1.0 + _BETA**2) * precision_B * recall_B / np.where(denominator_B > 0.0, denominator_B, 1.0)
    return scores_B


def _bleu(sums_BD: Float[np.ndarray, "B D"]) -> Float[np.ndarray, " B"]:
    """BLEU = min(1, exp(1 − r / h)) · (Π_n p_n)^(1/n), p_n = matches / n-grams, 0 where there are no n-grams.

    Smoothing is sacrebleu's default (`exp`): the k-th order without a match counts 2^-k matches. A corpus without any
    match, or without n-grams of some order, scores 0.
    """
    hypothesis_B, reference_B = sums_BD[:, 0], sums_BD[:, 1]
    num_orders = (sums_BD.shape[1] - 2) // 2
    matches_BO, totals_BO = sums_BD[:, 2 : 2 + num_orders], sums_BD[:, 2 + num_orders :]
    unmatched_BO = matches_BO == 0.0
    smoothed_BO = np.where(unmatched_BO, 0.5 ** np.cumsum(unmatched_BO, axis=1), matches_BO)
    scored_B = (totals_BO > 0.0).all(axis=1) & ~unmatched_BO.all(axis=1)
    log_precision_B = np.log(smoothed_BO / np.where(totals_BO > 0.0, totals_BO, 1.0)).mean(axis=1)
    log_brevity_B = np.minimum(0.0, 1.0 - reference_B / np.maximum(hypothesis_B, 1.0))
    return np.where(scored_B, 100.0 * np.exp(log_brevity_B + log_precision_B), 0.0)
