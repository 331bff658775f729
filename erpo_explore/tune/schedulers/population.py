"""Population-based annealing: a population of members that train along paths and are judged at intervals.

A Ray Tune scheduler on top of `PopulationBasedTraining`: Tune treats it as one, and members clone as there, by a
donor's checkpoint and a new config. Differences, and their reasons:

- *Every* member gets a next knot when it is judged, not only the clones: the path is what is searched.
- Sub-populations are judged after different numbers of intervals (`search.sub_populations`).
- Trials that are no members (baselines, given paths) use the slots that the population leaves free. The population
  never judges them.
- Members are judged when all that are due wait with their checkpoints written. Tune's synchronous mode lets the last
  member train for one more iteration, so knots would lie at different iterations.
- A waiting member gives up its worker only where another trial can use it at once. Otherwise the worker is kept for the
  next interval, since starting one takes seconds.
- A member with a non-finite loss, or whose worker failed too often, waits as well, and is re-seeded.
- Every draw comes from a generator named by (seed, generation, member); Tune draws from the process-wide generators.
- Lineage goes to the results store, not to a text file.

All state that matters is in the trials: `until` in a member's assignment is the number of intervals after which it
waits, and its checkpoint has the number of intervals trained. So a restored driver needs nothing else.
"""

from dataclasses import replace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.search.decisions import Decision, decide
from erpo_explore.search.subpopulations import period_of
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune._ray_internals import (
    latest_checkpoint,
    mark_for_snapshot,
    pause_unstarted,
    restart_in_place,
    set_latest_checkpoint,
)
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.member_status import MemberStatus, due_at
from erpo_explore.tune.schedulers.ready_queue import ReadyQueue
from erpo_explore.tune.trial_view import ITERATION, TrialView
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["PopulationBasedAnnealing"]


class PopulationBasedAnnealing(PopulationBasedTraining):
    """Tune's scheduler for an exploration with a population."""

    def __init__(self, experiment: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration.

        Args:
            experiment: Seed, sub-populations, selection, ranges of the next knot.
            metric: Name of the task's metric.
            recorder: Writes the decisions; its scoreboard is the source of scores.
        """
        super().__init__(
            time_attr=ITERATION,
            metric="objective",
            mode="max",
            perturbation_interval=1,
            quantile_fraction=experiment.search.quantile,
            custom_explore_fn=_keep,
            log_config=False,
            synch=experiment.search.synchronous,
        )
        self._experiment = experiment
        self._task_metric = metric
        self._recorder = recorder
        self._num_intervals = experiment.training.steps // experiment.training.interval
        self._members = MemberStatus(experiment, recorder.scoreboard)
        self._ready = ReadyQueue(is_ready=self._is_ready, waits=self._members.waits, priority=_priority)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Set when a member is judged first and how often it may fail; a member that waits gets no worker.

        The number of failures is unlimited as long as the member can be re-seeded.
        """
        super().on_trial_add(tune_controller, trial)
        self._ready.watch(trial)
        view = TrialView(trial)
        if not view.is_member:
            return
        if view.until is None:
            view.assign(replace(view.assignment, until=period_of(self._members.index(view), self._experiment.search)))
        at_most = self._experiment.resources.max_failures
        trial.max_failures = view.failures_when_judged + at_most if view.num_reseeds >= at_most else -1
        if trial.status == Trial.PENDING and self._members.waits(trial):
            pause_unstarted(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A member that is due waits for a decision; another trial continues, unless a member needs its worker."""
        del tune_controller
        self._ready.watch(trial)
        other = self._ready.first_ready()
        view = TrialView(trial)
        if not view.is_member:
            is_needed = other is not None and TrialView(other).is_member
            return str(TrialScheduler.PAUSE if is_needed else TrialScheduler.CONTINUE)
        if result["score"] is not None and result[ITERATION] < due_at(view):
            return str(TrialScheduler.CONTINUE)
        return str(TrialScheduler.NOOP if other is None else TrialScheduler.PAUSE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """A ready member, else another trial. Members whose group is complete are judged before."""
        self._ready.refresh()
        if self._ready.changed:
            self._ready.changed = False
            trials = tune_controller.get_trials()
            members = [each for each in trials if TrialView(each).is_member and not each.is_finished()]
            for due in self._due(members):
                self._judge(tune_controller, members, due)
                # the group that is judged next may be complete already
                self._ready.changed = True
        chosen = self._ready.first_ready()
        if chosen is not None:
            # a waiting member that kept its worker while no other trial could use it
            idle = (each for each in self._ready.active() if each.status == Trial.RUNNING and self._members.waits(each))
            if (member := next(idle, None)) is not None:
                tune_controller.pause_trial(member, should_checkpoint=False)
        return chosen

    def _due(self, members: list[Trial]) -> list[list[Trial]]:
        """Groups of members that can be judged now: all that are due at the same interval, or each waiting member."""
        if not self._experiment.search.synchronous:
            return [[member] for member in members if self._members.waits(member)]
        first = min((due_at(TrialView(member)) for member in members), default=0)
        due = [member for member in members if due_at(TrialView(member)) == first]
        return [due] if due and all(map(self._members.waits, due)) else []

    def _judge(self, tune_controller: Any, members: list[Trial], due: list[Trial]) -> None:
        """Decide on the members that are due, record the decisions and carry them out."""
        by_name = {TrialView(member).name: member for member in members}
        generation = due_at(TrialView(due[0]))
        # in synchronous mode, how far the other members have come depends on the speed of their workers
        compared = due if self._experiment.search.synchronous else members
        decisions = decide(
            self._members.states(compared, generation),
            self._experiment.search,
            self._task_metric,
            seed=self._experiment.seed,
            generation=generation,
            num_intervals=self._num_intervals,
            due=[TrialView(member).name for member in due],
        )
        self._recorder.decide(decisions, interval=self._experiment.training.interval)
        # read first: a donor may be a clone itself
        checkpoints = {name: latest_checkpoint(member) for name, member in by_name.items()}
        for decision in decisions:
            member = by_name[decision.member]
            if decision.donor is not None:
                set_latest_checkpoint(member, checkpoints[decision.donor])
            self._continue(tune_controller, member, decision)

    def _continue(self, tune_controller: Any, member: Trial, decision: Decision) -> None:
        """Give a member its new assignment; one that kept its worker trains on at once."""
        view = TrialView(member)
        view.assign(_next_assignment(view, decision))
        # one snapshot has all of a group's decisions and donors' checkpoints, so a resumed driver repeats all or none
        mark_for_snapshot(tune_controller, member)
        self._ready.watch(member)
        if member.status == Trial.RUNNING:
            restart_in_place(tune_controller, member, ErpoTrainable.take_config.__name__, (view.config,))

    def _is_ready(self, trial: Trial) -> bool:
        """Whether a trial needs nothing but a worker to train on."""
        is_idle = trial.status in (Trial.PENDING, Trial.PAUSED)
        return is_idle and not trial.is_saving and not self._members.waits(trial)


def _next_assignment(member: TrialView, decision: Decision) -> Assignment:
    before = member.assignment
    return replace(
        before,
        until=decision.until,
        generation=decision.generation,
        parent=decision.donor or before.parent,
        next_knot=decision.next_knot,
        cloned_at=decision.generation if decision.donor else before.cloned_at,
        num_reseeds=before.num_reseeds + (decision.objective is None),
        failures_when_judged=member.num_failures,
    )


def _keep(config: dict[str, Any]) -> dict[str, Any]:
    """Required by the constructor of Tune's PBT, whose own exploration is not used."""
    return config


def _priority(trial: Trial) -> tuple[bool, int]:
    """Members first, starting with the one that has trained least; then other trials, one after the other."""
    view = TrialView(trial)
    return (False, view.iteration) if view.is_member else (True, -view.iteration)
