"""Tune's two generators of trials, with trials that write to the results folder of today.

The state of a generator is part of Tune's snapshot and names the folder in which the exploration began.
"""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.search import BasicVariantGenerator, Searcher, SearchGenerator
from typing_extensions import override

from erpo_explore.tune._ray_internals import set_latest_checkpoint
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_home import TrialHome
from erpo_explore.tune.trial_view import TrialView

__all__ = ["PlannedTrials", "SuggestedTrials"]


class PlannedTrials(BasicVariantGenerator):
    """Generates the trials of a grid, one after the other."""

    def __init__(self, home: TrialHome) -> None:
        super().__init__()
        self._home = home

    @override
    def next_trial(self) -> Trial | None:
        return _taken(super().next_trial(), self._home)  # type: ignore[no-untyped-call]  # Tune leaves it untyped

    @override
    def get_state(self) -> dict[str, Any] | bool:
        state: dict[str, Any] | bool = super().get_state()  # type: ignore[no-untyped-call]  # as above
        return {name: value for name, value in state.items() if name != "_home"} if isinstance(state, dict) else state


class SuggestedTrials(SearchGenerator):
    """Generates the trials that a searcher suggests.

    A trial that names a parent begins with its checkpoint after `generation` intervals.
    """

    def __init__(self, searcher: Searcher, home: TrialHome, scoreboard: Scoreboard) -> None:
        super().__init__(searcher)
        self._home = home
        self._scoreboard = scoreboard

    @override
    def next_trial(self) -> Trial | None:
        trial = _taken(super().next_trial(), self._home)  # type: ignore[no-untyped-call]  # Tune leaves it untyped
        if trial is not None and (parent := TrialView(trial).assignment.parent) is not None:
            set_latest_checkpoint(trial, self._scoreboard.shared_checkpoints[parent, TrialView(trial).generation])
        return trial


def _taken(trial: Trial | None, home: TrialHome) -> Trial | None:
    if trial is not None:
        home.take(trial)
    return trial
