"""Metrics as they are written: their options, and their scorers."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from erpo_explore.errors import ConfigError
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.function import FunctionMetric
from erpo_explore.metrics.scorer import Scorer
from erpo_explore.named_function import load_object
from erpo_explore.tasks.metric import METRICS, WrittenMetric, check_metric

__all__ = ["load_scorer", "metric_config"]


def load_scorer(written: WrittenMetric) -> Scorer:
    """The scorer of a metric.

    Args:
        written: The metric, as in `task.metric`.

    Raises:
        ConfigError: A function cannot be imported or is none, or a package is not installed.
    """
    # a function may be registered anew under its name, so only the package's own are kept
    return _scorer(written) if isinstance(written, str) and written in METRICS else metric_config(written).scorer()


@cache
def _scorer(name: str) -> Scorer:
    return metric_config(name).scorer()


def metric_config(written: Any) -> MetricConfig:
    """The options of a metric.

    Args:
        written: The metric, as in `task.metric`.

    Raises:
        ConfigError: It has no form of a metric, or its name is unknown.
        pydantic.ValidationError: An option is wrong.
    """
    given = dict(written) if isinstance(written, Mapping) else {"name": written}
    if "sum" in given:
        from erpo_explore.metrics.weighted import WeightedSum  # here, since its parts are loaded by this function

        return WeightedSum.model_validate(given)
    if "name" not in given:
        raise ConfigError(f"task.metric must have a name, got {written!r}; write {{name: bleu, tokenize: 13a}}")
    try:
        name = str(check_metric(given["name"]))
    except ValueError as error:
        raise ConfigError(f"task.metric {error}") from None
    kind: type[MetricConfig] = load_object("task.metric", METRICS[name]) if name in METRICS else FunctionMetric
    return kind.model_validate(given | {"name": name})
