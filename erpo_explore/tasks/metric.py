"""Names of metrics: the score that is maximised. Checked by form alone; `erpo_explore.metrics` imports the scorers."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from erpo_explore.callables import named
from erpo_explore.dotted import is_dotted, names_class

__all__ = ["METRICS", "Metric", "check_metric"]

METRICS: Final[Mapping[str, str]] = {
    "bleu": "erpo_explore.metrics.bleu:BLEU",
    "rouge": "erpo_explore.metrics.rouge:ROUGE",
    "edit": "erpo_explore.metrics.edit:EDIT",
}
"""Scorers of the package by name, as `package.module:object`; each is a `metrics.Scorer`."""


def check_metric(name: Any) -> str:
    """The metric's name, if it has the form of one. A function is registered, and its name is returned.

    Raises:
        ValueError: It is neither in `METRICS` nor `package.module:function`.
    """
    name = named(name)
    if name in METRICS or (is_dotted(name) and not names_class(name)):
        return str(name)
    raise ValueError(
        f"must be one of {', '.join(METRICS)}, or your own function of hypotheses and references, as "
        f"package.module:function, got {name!r}"
    )


Metric = Annotated[str, BeforeValidator(check_metric)]
"""Metric that is maximised: a key of `METRICS`, or `package.module:function`; in Python also the function itself."""
