"""A weighted sum of metrics.

    score = Σ_i w_i · s_i

It has the direction of its parts. Where they differ, what counts is their objectives, so an error rate is subtracted,
and more is better. Its statistics are those of the parts side by side.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.load import metric_config
from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.stats.bootstrap import CorpusStatistics, kind_of_sum

__all__ = ["WeightedSum"]


class WeightedSum(MetricConfig):
    """A weighted sum: `{sum: [{name: bleu, weight: 0.7}, {name: chrf, weight: 0.3}]}`."""

    name: Literal["sum"] = "sum"
    """Name of the kind."""

    sum: tuple[Any, ...]
    """The parts, each a metric with a `weight`. Default weight: 1."""

    @field_validator("sum", mode="before")
    @classmethod
    def _check_parts(cls, written: Any) -> tuple[Any, ...]:
        if isinstance(written, str) or not isinstance(written, Sequence) or len(written) < 2:
            raise ValueError("must be a list of at least two metrics, each with a weight")
        for part in written:
            weight, rest = _weighted(part)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.0 < weight < math.inf:
                raise ValueError("each weight must be above 0 and finite")
            if isinstance(rest, Mapping) and "sum" in rest:
                raise ValueError("a part must not be a sum itself; write its parts here")
            metric_config(rest)
        return tuple(written)

    @property
    def parts(self) -> tuple[tuple[float, MetricConfig], ...]:
        """Weights and metrics."""
        return tuple((float(weight), metric_config(rest)) for weight, rest in map(_weighted, self.sum))

    def written(self) -> dict[str, Any]:
        """The sum as plain values."""
        return self.model_dump(exclude_unset=True, exclude_none=True, exclude={"name"}) | {"sum": list(self.sum)}

    def build(self) -> Scorer:
        """The scorer of the sum."""
        weights = [weight for weight, _ in self.parts]
        scorers = [part.scorer() for _, part in self.parts]
        directions = {scorer.higher_is_better for scorer in scorers}
        is_higher = directions != {False}
        signs = [1.0 if len(directions) == 1 or scorer.higher_is_better else -1.0 for scorer in scorers]
        factors = [weight * sign for weight, sign in zip(weights, signs, strict=True)]

        def corpus(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
            scored = [scorer.corpus(hypotheses, references) for scorer in scorers]
            statistics = [each.statistics for each in scored]
            return CorpusScore(
                value=math.fsum(factor * each.value for factor, each in zip(factors, scored, strict=True)),
                signature=" + ".join(
                    f"{factor:g}*({each.signature})" for factor, each in zip(factors, scored, strict=True)
                ),
                statistics=CorpusStatistics(
                    kind=kind_of_sum(weights, statistics),
                    values_ND=np.concatenate([each.values_ND for each in statistics], axis=1),
                ),
            )

        def sentences(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
            each = [scorer.sentences(hypotheses, references) for scorer in scorers]
            return [
                math.fsum(factor * score for factor, score in zip(factors, scores, strict=True))
                for scores in zip(*each, strict=True)
            ]

        name = " ".join(
            f"{'+' if factor > 0 else '−'} {abs(factor):g} {scorer.name}"
            for factor, scorer in zip(factors, scorers, strict=True)
        )
        return Scorer(
            name=name.removeprefix("+ "),
            metric=self.name,
            higher_is_better=is_higher,
            corpus=corpus,
            sentences=sentences,
        )


def _weighted(part: Any) -> tuple[Any, Any]:
    """Weight of a part, and the metric without it."""
    if not isinstance(part, Mapping):
        return 1.0, part
    return part.get("weight", 1.0), {name: value for name, value in part.items() if name != "weight"}
