"""Population-based annealing: a population of members, each of which walks a path and is judged now and then.

A Ray Tune scheduler on top of `PopulationBasedTraining`: Tune treats it as one, and members clone as there, by a
donor's checkpoint and a new config. Changed, and why:

- *every* member gets a next knot when it is judged, not only the clones, since a path is what is searched;
- sub-populations are judged after different numbers of intervals (`search.sub_populations`);
- trials that are no members (baselines, given paths) fill the slots that the population leaves, and are never judged
by it;
- members are judged when all that are due wait with their checkpoints written. Tune's synchronous mode lets the last
  member run on for one more iteration, so that knots lie at different places;
- a member that waits gives up its worker only where another trial can use it at once; else the worker is kept for the
  next interval, since starting one costs seconds;
- a member whose loss is no longer a number, or whose worker failed too often, waits too, and is re-seeded;
- every draw comes from a generator named by (seed, generation, member); Tune's draws from the process-wide one;
- lineage goes to the results store, not to a text file.

All state that matters lies in the trials themselves: `until` in a member's config says after how many intervals it
waits, the iteration of its checkpoint how many it has walked. So a restored driver needs nothing else.
"""

import copy
from dataclasses import replace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.search.decisions import Decision, decide
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.ready_queue import Roster
from erpo_explore.tune.trial_view import ITERATION, TrialView
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["PopulationBasedAnnealing"]


class PopulationBasedAnnealing(PopulationBasedTraining):
    """Tune's scheduler for an exploration with a population."""

    def __init__(self, space: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration.

        Args:
            space: Seed, sub-populations, selection, ranges of the next knot.
            metric: The task's own metric.
            recorder: Where scores are read and decisions are written.
        """
        super().__init__(
            time_attr=ITERATION,
            metric="score",
            mode="max",
            perturbation_interval=1,
            quantile_fraction=space.search.quantile,
            custom_explore_fn=_keep,
            log_config=False,
            synch=space.search.synchronous,
        )
        self._space = space
        self._task_metric = metric
        self._recorder = recorder
        self._num_intervals = space.training.steps // space.training.interval
        self._roster = Roster(is_ready=self._is_ready, waits=self._waits, turn=_turn)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A member outlives its failures, since it can be re-seeded; one that comes back to wait takes no worker."""
        super().on_trial_add(tune_controller, trial)
        self._roster.watch(trial)
        view = TrialView(trial)
        if not view.is_member:
            return
        if view.until is None:
            view.assign(replace(view.assignment, until=period_of(self._index(view), self._space.search)))
        at_most = self._space.resources.max_failures
        trial.max_failures = view.failures_when_judged + at_most if view.num_reseeds >= at_most else -1
        if trial.status == Trial.PENDING and self._waits(trial):
            if trial in tune_controller._pending_trials:  # put there after a failure
                tune_controller._set_trial_status(trial, Trial.PAUSED)
            else:
                trial.set_status(Trial.PAUSED)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A member that is due waits to be judged; any other trial goes on, unless a member needs its worker."""
        del tune_controller
        self._roster.watch(trial)
        other = self._roster.first_ready()
        view = TrialView(trial)
        if not view.is_member:
            is_needed = other is not None and TrialView(other).is_member
            return str(TrialScheduler.PAUSE if is_needed else TrialScheduler.CONTINUE)
        if result["score"] is not None and result[ITERATION] < _until(view):
            return str(TrialScheduler.CONTINUE)
        return str(TrialScheduler.NOOP if other is None else TrialScheduler.PAUSE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """A ready member, else a trial beside the population; those who wait are judged first, where all are there."""
        self._roster.look()
        if self._roster.news:
            self._roster.news = False
            members = [
                each for each in tune_controller.get_trials() if TrialView(each).is_member and not each.is_finished()
            ]
            for due in self._due(members):
                self._judge(tune_controller, members, due)
                # those who were to be judged after them may be there already
                self._roster.news = True
        chosen = self._roster.first_ready()
        if chosen is not None:
            # one that kept its worker while nobody else could use it
            waiting = (each for each in self._roster.under_way() if each.status == Trial.RUNNING and self._waits(each))
            if (idle := next(waiting, None)) is not None:
                tune_controller.pause_trial(idle, should_checkpoint=False)
        return chosen

    def _due(self, members: list[Trial]) -> list[list[Trial]]:
        """Groups of members that can be judged now: all that wait at one place, or one after the other."""
        if not self._space.search.synchronous:
            return [[member] for member in members if self._waits(member)]
        first = min((_until(TrialView(member)) for member in members), default=0)
        due = [member for member in members if TrialView(member).until == first]
        return [due] if due and all(map(self._waits, due)) else []

    def _judge(self, tune_controller: Any, members: list[Trial], due: list[Trial]) -> None:
        """Decide on those who are due, record it, and send them on."""
        by_name = {TrialView(member).name: member for member in members}
        generation = _until(TrialView(due[0]))
        decisions = decide(
            # where members wait for each other, what is known of the rest is a matter of chance
            self._standings(due if self._space.search.synchronous else members, generation),
            self._space.search,
            self._task_metric,
            seed=self._space.seed,
            generation=generation,
            num_intervals=self._num_intervals,
            due=[TrialView(member).name for member in due],
        )
        self._recorder.decide(decisions, interval=self._space.training.interval)
        checkpoints = {name: member.latest_checkpoint_result for name, member in by_name.items()}
        for decision in decisions:
            member = by_name[decision.member]
            if decision.donor is not None:
                # a copy: the donor's own record goes on to its next checkpoint
                manager: Any = member.run_metadata.checkpoint_manager
                manager._latest_checkpoint_result = copy.copy(checkpoints[decision.donor])
            view = TrialView(member)
            view.assign(_next_assignment(view, decision))
            # all in the next snapshot, with donors' checkpoints: a resumed driver judges them together or not at all
            member.run_metadata.invalidate_cache()
            tune_controller._mark_trial_to_checkpoint(member)
            self._roster.watch(member)
            if member.status == Trial.RUNNING:
                _go_on(tune_controller, member)

    def _standings(self, members: list[Trial], generation: int) -> list[MemberState]:
        """What is known of members after so many intervals; of those who are lost, that they are."""
        standings = []
        for member in map(TrialView, members):
            lost = self._is_lost(member)
            score = (
                None if lost or not _has_come(member, generation) else self._recorder.score_at(member.name, generation)
            )
            if score is None and member.until != generation:
                continue  # nothing to compare
            compares = score is not None and self._space.search.selection == "bootstrap"
            path = member.metrics.get("path")
            standings.append(
                MemberState(
                    name=member.name,
                    index=self._index(member),
                    iteration=member.iteration,
                    score=score,
                    path=member.spec.path if path is None else Path.from_dict(path),
                    statistics=self._recorder.statistics(member.name, generation) if compares else None,
                )
            )
        return standings

    def _index(self, member: TrialView) -> int:
        return member.seed - self._space.seed

    def _waits(self, trial: Trial) -> bool:
        """Whether a member has walked to its knot, or cannot, and its checkpoint is written."""
        view = TrialView(trial)
        return view.is_member and not trial.is_saving and (view.iteration >= _until(view) or self._is_lost(view))

    def _is_lost(self, member: TrialView) -> bool:
        """Whether a member's loss is no longer a number, or its worker failed too often since it was judged."""
        metrics = member.metrics
        if metrics.get("score", 0.0) is None and metrics[ITERATION] > member.generation:
            return True
        num_failures = member.num_failures - member.failures_when_judged
        return num_failures > self._space.resources.max_failures

    def _is_ready(self, trial: Trial) -> bool:
        """Whether a trial needs nothing but a worker to train on."""
        return trial.status in (Trial.PENDING, Trial.PAUSED) and not trial.is_saving and not self._waits(trial)


def _next_assignment(member: TrialView, decision: Decision) -> Assignment:
    before = member.assignment
    return replace(
        before,
        until=decision.until,
        generation=decision.generation,
        parent=decision.donor or before.parent,
        next_knot=decision.next_knot,
        cloned_at=decision.generation if decision.donor else before.cloned_at,
        num_reseeds=before.num_reseeds + (decision.score is None),
        failures_when_judged=member.num_failures,
    )


def _go_on(tune_controller: Any, member: Trial) -> None:
    """Have a member that kept its worker take its new config, load its checkpoint (perhaps a donor's) and train."""

    def load_and_train(trial: Trial, _: Any) -> None:
        tune_controller._schedule_trial_restore(trial)

    tune_controller._schedule_trial_task(
        trial=member,
        method_name=ErpoTrainable.take_config.__name__,
        args=(TrialView(member).config,),
        on_result=load_and_train,
        on_error=tune_controller._trial_task_failure,
    )


def _keep(config: dict[str, Any]) -> dict[str, Any]:
    """Tune's own exploration, which this scheduler replaces, but whose constructor asks for one."""
    return config


def _until(member: TrialView) -> int:
    """Number of intervals after which a member is judged; it has one since it was added."""
    assert member.until is not None  # noqa: S101 - set in `on_trial_add`
    return member.until


def _has_come(member: TrialView, generation: int) -> bool:
    """Whether what the member reported after so many intervals is of the weights in its checkpoint, or of their past.

    It may have reported and not have written them yet, or have cloned others since.
    """
    return member.iteration >= generation > member.cloned_at


def _turn(trial: Trial) -> tuple[bool, int]:
    """Members first, the one that has run least; then the others, one after the other."""
    view = TrialView(trial)
    return (False, view.iteration) if view.is_member else (True, -view.iteration)
