"""What the population knows of its members: which of them wait, which are lost, and how good each is."""

from collections.abc import Iterable

from ray.tune.experiment import Trial

from erpo_explore.config.experiment import Experiment
from erpo_explore.search.ranking import MemberState
from erpo_explore.space import Path
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_view import ITERATION, TrialView

__all__ = ["MemberStatus", "due_at"]


class MemberStatus:
    """Answers the scheduler's questions about members, from their trials and the scoreboard."""

    def __init__(self, experiment: Experiment, scoreboard: Scoreboard) -> None:
        """Bind to an exploration.

        Args:
            experiment: Seed, selection and number of retries.
            scoreboard: Scores so far.
        """
        self._experiment = experiment
        self._scoreboard = scoreboard

    def index(self, member: TrialView) -> int:
        """Index in the population, from 0."""
        return member.seed - self._experiment.seed

    def waits(self, trial: Trial) -> bool:
        """Whether a member has reached its knot, or is lost, and its checkpoint is written."""
        view = TrialView(trial)
        return view.is_member and not trial.is_saving and (view.iteration >= due_at(view) or self.is_lost(view))

    def is_lost(self, member: TrialView) -> bool:
        """Whether a member had a non-finite loss, or its worker failed too often, since it was last judged."""
        metrics = member.metrics
        if metrics.get("score", 0.0) is None and metrics[ITERATION] > member.generation:
            return True
        num_failures = member.num_failures - member.failures_when_judged
        return num_failures > self._experiment.resources.max_failures

    def states(self, members: Iterable[Trial], generation: int) -> list[MemberState]:
        """The members that can be compared after `generation` intervals, and those of them that are lost."""
        compares = self._experiment.search.selection == "bootstrap"
        states = []
        for member in map(TrialView, members):
            objective = self._objective(member, generation)
            if objective is None and member.until != generation:
                continue
            path = member.metrics.get("path")
            states.append(
                MemberState(
                    name=member.name,
                    index=self.index(member),
                    iteration=member.iteration,
                    objective=objective,
                    path=member.spec.path if path is None else Path.from_dict(path),
                    statistics=self._scoreboard.statistics(member.name, generation)
                    if compares and objective is not None
                    else None,
                )
            )
        return states

    def _objective(self, member: TrialView, generation: int) -> float | None:
        """A member's objective after `generation` intervals; None where it is lost, or has no such score.

        A report counts only if it belongs to the weights in the member's checkpoint, or to their past. A member may
        have reported weights that it has not written yet, or have cloned others since.
        """
        is_of_its_weights = member.iteration >= generation > member.cloned_at
        if self.is_lost(member) or not is_of_its_weights:
            return None
        return self._scoreboard.objective_at(member.name, generation)


def due_at(member: TrialView) -> int:
    """Number of intervals after which a member is judged."""
    assert member.until is not None  # noqa: S101 - the scheduler sets it when the member is added
    return member.until
