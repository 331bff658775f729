"""Names of metrics, and a task's metric as it is written. Without options only its form is checked, which imports none.

A metric is written as its name, `bleu`; as a mapping of its name and options, `{name: bleu, tokenize: 13a}`; or as a
weighted sum, `{sum: [{name: bleu, weight: 0.7}, {name: chrf, weight: 0.3}]}`. Its options are those of the class that
`METRICS` names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ValidationError

from erpo_explore.callables import named
from erpo_explore.dotted import is_dotted, names_class
from erpo_explore.errors import ErpoExploreError
from erpo_explore.metric_names import METRICS
from erpo_explore.named_function import load_object

__all__ = ["METRICS", "Also", "Metric", "WrittenMetric", "check_metric", "metric_name", "reward_metric"]

_TOKEN_REWARDS: Final = {"chrf": "bleu", "chrf++": "bleu", "ter": "edit"}

WrittenMetric = str | dict[str, Any]
"""A metric as plain values."""


def check_metric(written: Any) -> WrittenMetric:
    """The metric as plain values, if it is one. A function is registered, and its name is returned.

    Raises:
        ValueError: The name is neither in `METRICS` nor `package.module:function`, or an option is wrong.
    """
    written = named(written)
    if isinstance(written, Mapping):
        # a metric's options are in its own module, which is imported only for them
        config_of = load_object("task.metric", "erpo_explore.metrics.load:metric_config")
        try:
            checked: WrittenMetric = config_of(written).written()
        except ValidationError as error:
            raise ValueError(_first(error)) from None
        except ErpoExploreError as error:
            raise ValueError(str(error)) from None
        return checked
    if written in METRICS or (is_dotted(written) and not names_class(written)):
        return str(written)
    raise ValueError(
        f"must be one of {', '.join(METRICS)}, or your own function of hypotheses and references, as "
        f"package.module:function, got {written!r}"
    )


def _first(error: ValidationError) -> str:
    """The first error in one line."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}, got {first['input']!r}"


def metric_name(written: WrittenMetric) -> str:
    """Name of a written metric.

    >>> metric_name("bleu"), metric_name({"name": "bleu", "tokenize": "13a"}), metric_name({"sum": []})
    ('bleu', 'bleu', 'sum')
    """
    return written if isinstance(written, str) else str(written.get("name", "sum"))


def reward_metric(written: WrittenMetric) -> str:
    """The metric that rewards have where they name none: the task's, or the nearest one that values every next token.

    Of a sum it is that of the heaviest part.

    >>> reward_metric({"name": "ter"}), reward_metric({"sum": [{"name": "rouge", "weight": 2}, "bleu"]})
    ('edit', 'rouge')
    """
    if isinstance(written, Mapping) and "sum" in written:
        parts = [{"name": part} if isinstance(part, str) else part for part in written["sum"]]
        written = max(parts, key=lambda part: float(part.get("weight", 1.0)))
    name = metric_name(written)
    return _TOKEN_REWARDS.get(name, name)


def _check_also(metrics: tuple[WrittenMetric, ...]) -> tuple[WrittenMetric, ...]:
    for index, metric in enumerate(metrics):
        if metric in metrics[:index]:
            raise ValueError(f"must name each metric once, got {metric!r} twice; remove one, or give it a label")
    return metrics


Metric = Annotated[WrittenMetric, BeforeValidator(check_metric)]
"""Metric that decides: a key of `METRICS`, `package.module:function`, a mapping with options, or a weighted sum; in
Python also the function itself."""

Also = Annotated[tuple[Metric, ...], AfterValidator(_check_also)]
"""Further metrics."""
