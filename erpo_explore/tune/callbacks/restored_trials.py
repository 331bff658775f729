"""Brings the trials of Tune's snapshot up to date with the folder and the settings that they continue with."""

from typing import Any

from ray import tune

from erpo_explore.errors import ResultsError
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_home import TrialHome
from erpo_explore.tune.trial_view import TrialView

__all__ = ["RestoredTrials"]


class RestoredTrials(tune.Callback):
    """Changes restored trials before the first of them starts."""

    def __init__(self, home: TrialHome, *, max_failures: int, reseeds_members: bool, scoreboard: Scoreboard) -> None:
        """Begin before the first step.

        Args:
            home: Where the trials write from now on.
            max_failures: Number of retries of a failed trial.
            reseeds_members: Whether the scheduler counts the failures of members itself.
            scoreboard: Learns which checkpoints there are.
        """
        self._home = home
        self._max_failures = max_failures
        self._reseeds_members = reseeds_members
        self._scoreboard = scoreboard
        self._is_done = False

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Move all trials once.

        Raises:
            ResultsError: Tune could not read its snapshot, and would begin anew without a trial.
        """
        del iteration, info
        if self._is_done:
            return
        self._is_done = True
        if not trials:
            raise ResultsError(
                f"the state of the trials in {self._scoreboard.folder}/checkpoints cannot be read, so they cannot "
                "continue; fetch or copy the folder again, or run its experiment anew"
            )
        for trial in trials:
            self._home.take(trial)
            view = TrialView(trial)
            if self._scoreboard.shared_iterations:
                self._scoreboard.note_checkpoints(view.name, view.checkpoints)
            if not (self._reseeds_members and view.is_member):
                trial.max_failures = self._max_failures
