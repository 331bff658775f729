"""Search methods by name, each with the module that implements it.

Adding a method takes one file in `erpo_explore.plan.methods` and one line here. Implementations are named, not
imported: a configuration is read without them, and reading one never imports a method from outside the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import PlainValidator

from erpo_explore.dotted import is_dotted
from erpo_explore.errors import brief, did_you_mean

__all__ = ["METHODS", "POINTWISE", "Method", "MethodEntry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEntry:
    """What the configuration must know of a method.

    Attributes:
        implementation: A `plan.methods.SearchMethod`, as `package.module:object`.
        is_pointwise: Whether each trial tries a path that is chosen before it begins, so that `search.knots` and
            `search.early_stopping` apply.
        reads: The fields of `search` that change what it does. None: not known.
    """

    implementation: str
    is_pointwise: bool = False
    reads: frozenset[str] | None = None


REGION: Final = frozenset({"start", "ranges", "metric", "prefix", "label", "choices"})
"""Fields of `search` that say where points lie; every method that searches reads them."""

_PATHS: Final = REGION | {"knots", "early_stopping"}
# other methods than `population` and `branch` refuse candidates
_MEMBERS: Final = REGION | {"members", "quantile", "p_lowest", "monotone", "warm_start", "candidates"}
_ANNEALING: Final = frozenset(
    {"evolve_every", "selection", "p_exploit", "resample", "p_start", "p_candidate", "synchronous"}
)


METHODS: Final[Mapping[str, MethodEntry]] = {
    "population": MethodEntry(
        implementation="erpo_explore.plan.methods.population:METHOD", reads=_MEMBERS | _ANNEALING
    ),
    "random": MethodEntry(
        implementation="erpo_explore.plan.methods.random_paths:METHOD",
        is_pointwise=True,
        reads=_PATHS | {"members", "p_lowest"},
    ),
    "grid": MethodEntry(
        implementation="erpo_explore.plan.methods.grid:METHOD", is_pointwise=True, reads=_PATHS | {"levels"}
    ),
    "optuna": MethodEntry(
        implementation="erpo_explore.plan.methods.optuna_paths:METHOD", is_pointwise=True, reads=_PATHS | {"members"}
    ),
    "pbt": MethodEntry(implementation="erpo_explore.plan.methods.pbt:METHOD", reads=_MEMBERS | {"resample"}),
    "pb2": MethodEntry(implementation="erpo_explore.plan.methods.pb2:METHOD", reads=_MEMBERS),
    "branch": MethodEntry(
        implementation="erpo_explore.plan.methods.branch:METHOD",
        reads=frozenset({"members", "phases", "candidates", "metric", "prior"}),
    ),
    "none": MethodEntry(implementation="erpo_explore.plan.methods.no_search:METHOD", reads=frozenset()),
}

POINTWISE: Final = tuple(name for name, entry in METHODS.items() if entry.is_pointwise)


def _check_method(written: Any) -> str:
    if isinstance(written, str) and (written in METHODS or is_dotted(written)):
        return written
    *first, last = map(repr, METHODS)
    raise ValueError(
        f"must be package.module:object, or one of {', '.join(first)} or {last}, got {brief(written)}"
        f"{did_you_mean(written, METHODS)}"
    )


Method = Annotated[str, PlainValidator(_check_method)]
"""Name of a search method: one of `METHODS`, or `package.module:object` for a `SearchMethod` of your own."""
