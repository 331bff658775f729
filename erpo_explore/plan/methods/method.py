"""The interface of a search method, and how one is found by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.methods import METHODS
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.named_function import load_object
from erpo_explore.search.turns import Turns
from erpo_explore.space import Point
from erpo_explore.trial import TrialSpec

__all__ = ["PricedPhases", "Requirement", "SearchMethod", "check_installed", "find_method"]


PricedPhases = tuple[tuple[float, Point], ...]
"""Shares of a trial's budget, each with a point that stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A package that one method needs beside the requirements of this one.

    Attributes:
        name: Its name, for people.
        module: What it is imported as.
        install: What pip installs it by.
    """

    name: str
    module: str
    install: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMethod:
    """How trials are chosen, and what runs them on Ray Tune.

    The scheduler and the searcher are named as `package.module:object`, so that planning imports no Ray.

    Attributes:
        plan: Returns the trials that are known before the exploration begins, given the experiment and the name of the
            task's metric. The same experiment gives the same trials. Their roles are those of the results store, such
            as `member` or `random`.
        num_suggested: Number of trials that the searcher adds while the exploration runs, at most, given the search
            settings. A searcher that ends earlier says so to the recorder.
        scheduler: Factory of a `TrialScheduler`, called with the experiment, the metric and the recorder, whose
            `scoreboard` has the scores so far. The default runs trials in their order and applies
            `search.early_stopping`.
        searcher: Factory of a `Searcher`, called with the experiment, the planned trials, the metric and the recorder.
            It hands out the planned trials, then suggests trials of the role `optuna` or `branch`. None: all trials are
            planned.
        priced: Returns what the suggested trials cost. None: each is a random point.
        turns: Returns the algorithms that take turns in its paths. Their costs are measured before the exploration
            begins, and its checkpoints are kept at the ends of phases. None: there are none.
        reseeds_members: Whether the scheduler lets a member that diverged go on from another member's checkpoint.
        requirement: Optional dependency.
    """

    plan: Callable[[Experiment, str], list[TrialSpec]]
    num_suggested: Callable[[Search], int] = lambda search: 0  # noqa: ARG005 - the interface's argument
    scheduler: str = "erpo_explore.tune.methods:new_pointwise_scheduler"
    searcher: str | None = None
    reseeds_members: bool = False
    priced: Callable[[Experiment, str], list[PricedPhases]] | None = None
    turns: Callable[[Experiment, str], Turns] | None = None
    requirement: Requirement | None = None


def find_method(name: str) -> SearchMethod:
    """Import a search method.

    Args:
        name: A key of `METHODS`, or `package.module:object`.

    Raises:
        ConfigError: The module cannot be imported, or the object is no `SearchMethod`.
    """
    found = load_object("search.method", METHODS[name].implementation if name in METHODS else name)
    if not isinstance(found, SearchMethod):
        raise ConfigError(
            f"search.method={name}: must be an erpo_explore.plan.methods.SearchMethod, got {type(found).__name__}"
        )
    return found


def check_installed(search: Search) -> None:
    """Check that the optional dependency of a method is installed.

    Raises:
        ConfigError: It is missing, or the method cannot be found.
    """
    needed = find_method(search.method).requirement
    if needed is not None and find_spec(needed.module) is None:
        raise ConfigError(
            f"search.method {search.method} needs {needed.name}, which is not installed; pip install '{needed.install}'"
        )
