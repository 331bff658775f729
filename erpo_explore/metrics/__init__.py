"""Metrics: scores of decoded text, one module each. `tasks.metric` has their names."""

from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.function import ScoreFunction, checked_scores
from erpo_explore.metrics.load import load_scorer
from erpo_explore.metrics.scorer import CorpusScore, Scorer

__all__ = ["CorpusScore", "MetricConfig", "ScoreFunction", "Scorer", "checked_scores", "load_scorer"]
