"""How an exploration ended, read from its results."""

from dataclasses import dataclass
from typing import Literal

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import num_suggested
from erpo_explore.store import load_manifest, load_results
from erpo_explore.store.columns import SUGGESTED
from erpo_explore.store.files import Location

__all__ = ["Outcome", "outcome_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an exploration ended.

    Attributes:
        folder: Its results folder.
        status: `finished`, or `interrupted` where trials are left to resume.
        num_failed: Number of trials that ended with an error.
        timed_out: Whether its deadline interrupted it.
    """

    folder: Location
    status: Literal["finished", "interrupted"]
    num_failed: int
    timed_out: bool = False


def outcome_of(experiment: Experiment, folder: Location) -> Outcome:
    """The outcome of an exploration so far.

    Args:
        experiment: What was explored.
        folder: Its results folder.

    Raises:
        ResultsError: The folder holds no exploration.
    """
    trials = load_results(folder, table="trials")
    is_running = bool((trials["status"] == "running").any())
    num_missing = num_suggested(experiment) - int(trials["role"].isin(SUGGESTED).sum())
    if load_manifest(folder).get("search_ended"):
        num_missing = 0
    return Outcome(
        folder=folder,
        status="interrupted" if trials.empty or num_missing > 0 or is_running else "finished",
        num_failed=int((trials["status"] == "failed").sum()),
    )
