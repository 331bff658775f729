"""Scores of systems on a test set, with intervals, and the paired bootstrap between two systems.

A system is a trained model or a list of hypotheses. Text is scored as the task writes its targets, so that a score
equals the one that a replay has stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.inference.hypothesis import Hypothesis
from erpo_explore.inference.model import TrainedModel
from erpo_explore.metrics import Scorer
from erpo_explore.metrics.scorer import CorpusScore
from erpo_explore.stats.bootstrap import Resamples, compare, resample
from erpo_explore.trial.tuned_decoding import Decoder, scored_decoders

__all__ = ["Difference", "SystemScore", "check_hypotheses", "difference", "system_score", "tune_decoding"]

_TAILS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScore:
    """Score of one system in one metric.

    Attributes:
        metric: Name of the metric.
        higher_is_better: Whether more is better.
        value: The score, in the units of the metric.
        low: Lower end of its 95 % interval: a percentile of resampled test sets.
        high: Upper end of that interval.
        signature: Scorer, settings and version that give this number.
    """

    metric: str
    higher_is_better: bool
    value: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """First system minus second in one metric, on the same sentences.

    Attributes:
        metric: Name of the metric.
        value: Difference of the scores, in the units of the metric.
        low: Lower end of its 95 % interval.
        high: Upper end of that interval.
        p_value: Two-sided p-value of the paired bootstrap.
        share_better: Share of the resampled test sets on which the first system is better.
    """

    metric: str
    value: float
    low: float
    high: float
    p_value: float
    share_better: float


def system_score(scorer: Scorer, score: CorpusScore, resamples: Resamples) -> SystemScore:
    """The score of a system with the interval of its resampled test sets."""
    resampled = resample(score.statistics, resamples)
    # the bootstrap's scores are objectives, perhaps from another zero
    sign = 1.0 if scorer.higher_is_better else -1.0
    deviations = np.quantile(sign * (resampled.scores_B - resampled.score), _TAILS)
    return SystemScore(
        metric=scorer.name,
        higher_is_better=scorer.higher_is_better,
        # a perfect error rate is 0, not -0
        value=score.value + 0.0,
        low=score.value + float(deviations[0]) + 0.0,
        high=score.value + float(deviations[1]) + 0.0,
        signature=score.signature,
    )


def difference(scorer: Scorer, first: CorpusScore, second: CorpusScore, resamples: Resamples) -> Difference:
    """Compare two systems on the same resampled test sets."""
    found = compare(resample(first.statistics, resamples), resample(second.statistics, resamples))
    ends = (found.low, found.high) if scorer.higher_is_better else (-found.high, -found.low)
    return Difference(
        metric=scorer.name,
        value=first.value - second.value,
        low=ends[0] + 0.0,
        high=ends[1] + 0.0,
        p_value=found.p_value,
        share_better=found.share_won,
    )


def tune_decoding(
    model: TrainedModel, sources: Sequence[str], references: Sequence[str], scorer: Scorer
) -> tuple[Decoder, ...]:
    """Decode a validation set with several beams and length penalties.

    Args:
        model: The model.
        sources: Sources as the task writes them.
        references: One reference per source, likewise.
        scorer: Metric that decides.

    Returns:
        All that was tried, as `scored_decoders` returns it.

    Raises:
        DataError: There are not as many references as sources, or none.
    """
    if len(sources) != len(references) or not sources:
        raise DataError(
            f"tuning needs one reference per source, got {len(sources)} sources and {len(references)} references"
        )
    longest = model.max_tokens_for(references)

    def decode(width: int, penalties: tuple[float, ...]) -> dict[float, list[str]]:
        found = model.hypotheses(sources, num_best=width, beam_width=width, max_tokens=longest, prepared=True)
        return {penalty: [_best(hypotheses, penalty) for hypotheses in found] for penalty in penalties}

    return scored_decoders(decode, references, scorer)


def _best(hypotheses: Sequence[Hypothesis], length_penalty: float) -> str:
    """What a beam returns with this penalty: which hypotheses it finds does not depend on the penalty."""
    if not hypotheses:
        return ""
    return max(hypotheses, key=lambda each: each.log_p / ((5 + each.num_tokens) / 6) ** length_penalty).text


def check_hypotheses(hypotheses: Sequence[str], references: Sequence[str], name: str) -> None:
    """Check that a system has one hypothesis per reference.

    Raises:
        ConfigError: It has another number.
    """
    if len(hypotheses) != len(references):
        raise ConfigError(
            f"{name}: must have one line per sentence of the test set, {len(references)}, got {len(hypotheses)}"
        )
