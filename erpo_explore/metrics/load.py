"""Metrics by name."""

from functools import partial

from erpo_explore.errors import ConfigError
from erpo_explore.metrics.function import function_corpus, function_sentences
from erpo_explore.metrics.scorer import Scorer
from erpo_explore.named_function import load_named, load_object
from erpo_explore.tasks.metric import METRICS

__all__ = ["load_scorer"]


def load_scorer(name: str) -> Scorer:
    """The scorer of a metric.

    Args:
        name: A key of `tasks.metric.METRICS`, or `package.module:function` for a function of hypotheses and references.

    Raises:
        ConfigError: It cannot be imported, or it is not a function.
    """
    if name in METRICS:
        scorer: Scorer = load_object("task.metric", METRICS[name])
        return scorer
    function = load_named("task.metric", name, "a function of hypotheses and references")
    if isinstance(function, type):
        raise ConfigError(f"task.metric={name}: must be a function of hypotheses and references, got a class")
    return Scorer(
        name=name,
        corpus=partial(function_corpus, name, function),
        sentences=partial(function_sentences, name, function),
    )
