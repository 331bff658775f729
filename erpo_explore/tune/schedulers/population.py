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
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.warm_start import WarmStart, load_warm_start
from erpo_explore.search.decisions import Decision, Standing, decide
from erpo_explore.search.gains import Gain, gains_of
from erpo_explore.search.subpopulations import period_of, periods
from erpo_explore.space import Path
from erpo_explore.store import load_results
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.ready_queue import Roster
from erpo_explore.tune.worker.trainable import ErpoTrainable, trial_config

__all__ = ["ITERATION", "PopulationBasedAnnealing", "is_member"]

ITERATION: Final = "training_iteration"
"""Intervals that a trial has walked, as Tune calls them."""


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
        if not is_member(trial):
            return
        if trial.config["until"] is None:
            trial.set_config(trial.config | {"until": period_of(self._index(trial), self._space.search)})
        at_most = self._space.resources.max_failures
        rescued_enough = trial.config["num_rescues"] >= at_most
        trial.max_failures = trial.config["failures_when_judged"] + at_most if rescued_enough else -1
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
        if not is_member(trial):
            return str(TrialScheduler.PAUSE if other is not None and is_member(other) else TrialScheduler.CONTINUE)
        if result["score"] is not None and result[ITERATION] < trial.config["until"]:
            return str(TrialScheduler.CONTINUE)
        return str(TrialScheduler.NOOP if other is None else TrialScheduler.PAUSE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """A ready member, else a trial beside the population; those who wait are judged first, where all are there."""
        self._roster.look()
        if self._roster.news:
            self._roster.news = False
            members = [each for each in tune_controller.get_trials() if is_member(each) and not each.is_finished()]
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
        first = min((member.config["until"] for member in members), default=0)
        due = [member for member in members if member.config["until"] == first]
        return [due] if due and all(map(self._waits, due)) else []

    def _judge(self, tune_controller: Any, members: list[Trial], due: list[Trial]) -> None:
        """Decide on those who are due, record it, and send them on."""
        by_name = {_name(member): member for member in members}
        decisions = decide(
            # where members wait for each other, what is known of the rest is a matter of chance
            self._standings(due if self._space.search.synchronous else members, due[0].config["until"]),
            self._space.search,
            self._task_metric,
            seed=self._space.seed,
            generation=due[0].config["until"],
            num_intervals=self._num_intervals,
            due=[_name(member) for member in due],
            gains=self._gains(),
        )
        self._recorder.decide(decisions, interval=self._space.training.interval)
        checkpoints = {name: member.latest_checkpoint_result for name, member in by_name.items()}
        for decision in decisions:
            member = by_name[decision.member]
            if decision.donor is not None:
                # a copy: the donor's own record goes on to its next checkpoint
                manager: Any = member.run_metadata.checkpoint_manager
                manager._latest_checkpoint_result = copy.copy(checkpoints[decision.donor])
            member.set_config(_next_config(member, decision))
            # all in the next snapshot, with donors' checkpoints: a resumed driver judges them together or not at all
            member.run_metadata.invalidate_cache()
            tune_controller._mark_trial_to_checkpoint(member)
            self._roster.watch(member)
            if member.status == Trial.RUNNING:
                _go_on(tune_controller, member)

    def _standings(self, members: list[Trial], generation: int) -> list[Standing]:
        """What is known of members after so many intervals; of those who are lost, that they are."""
        standings = []
        for member in members:
            name, lost = _name(member), self._is_lost(member)
            score = None if lost or not _has_come(member, generation) else self._recorder.score_at(name, generation)
            if score is None and member.config["until"] != generation:
                continue  # nothing to compare
            compares = score is not None and self._space.search.selection == "bootstrap"
            standings.append(
                Standing(
                    name=name,
                    index=self._index(member),
                    iteration=_iterations(member),
                    score=score,
                    path=Path.from_dict(_metrics(member).get("path", member.config["spec"]["path"])),
                    statistics=self._recorder.statistics(name, generation) if compares else None,
                )
            )
        return standings

    def _gains(self) -> list[Gain]:
        """What knots have brought, in earlier explorations and in this one; nothing where nobody asks."""
        search = self._space.search
        if search.propose == "perturb":
            return []
        return [*self._earlier.gains, *gains_of(load_results(self._recorder.folder), periods(search))]

    @cached_property
    def _earlier(self) -> WarmStart:
        """What earlier explorations know; their folders are read once."""
        search = self._space.search
        return load_warm_start(
            search.warm_start, task=self._space.task.name, score_name=self._task_metric, horizons=periods(search)
        )

    def _index(self, member: Trial) -> int:
        return int(member.config["spec"]["seed"]) - self._space.seed

    def _waits(self, trial: Trial) -> bool:
        """Whether a member has walked to its knot, or cannot, and its checkpoint is written."""
        return (
            is_member(trial)
            and not trial.is_saving
            and (_iterations(trial) >= trial.config["until"] or self._is_lost(trial))
        )

    def _is_lost(self, trial: Trial) -> bool:
        """Whether a member's loss is no longer a number, or its worker failed too often since it was judged."""
        metrics, config = _metrics(trial), trial.config
        if metrics.get("score", 0.0) is None and metrics[ITERATION] > config["generation"]:
            return True
        num_failures = trial.run_metadata.num_failures - config["failures_when_judged"]
        return bool(num_failures > self._space.resources.max_failures)

    def _is_ready(self, trial: Trial) -> bool:
        """Whether a trial needs nothing but a worker to train on."""
        return trial.status in (Trial.PENDING, Trial.PAUSED) and not trial.is_saving and not self._waits(trial)


def _next_config(member: Trial, decision: Decision) -> dict[str, Any]:
    config = trial_config(
        TrialSpec.from_dict(member.config["spec"]),
        until=decision.until,
        generation=decision.generation,
        parent=decision.donor or member.config["parent"],
        next_knot=decision.next_knot,
        cloned_at=decision.generation if decision.donor else member.config["cloned_at"],
        num_rescues=member.config["num_rescues"] + (decision.score is None),
    )
    failures = {name: member.config[name] for name in ("num_failures", "attempt")}
    return config | failures | {"failures_when_judged": member.run_metadata.num_failures}


def _go_on(tune_controller: Any, member: Trial) -> None:
    """Have a member that kept its worker take its new config, load its checkpoint (perhaps a donor's) and train."""

    def load_and_train(trial: Trial, _: Any) -> None:
        tune_controller._schedule_trial_restore(trial)

    tune_controller._schedule_trial_task(
        trial=member,
        method_name=ErpoTrainable.take_config.__name__,
        args=(member.config,),
        on_result=load_and_train,
        on_error=tune_controller._trial_task_failure,
    )


def _keep(config: dict[str, Any]) -> dict[str, Any]:
    """Tune's own exploration, which this scheduler replaces, but whose constructor asks for one."""
    return config


def is_member(trial: Trial) -> bool:
    """Whether a trial belongs to the population, and does not merely run beside it."""
    return bool(trial.config["spec"]["role"] == "member")


def _name(trial: Trial) -> str:
    return str(trial.config["spec"]["name"])


def _metrics(trial: Trial) -> Mapping[str, Any]:
    """What the trial reported when its last checkpoint was written; empty before the first."""
    result = trial.latest_checkpoint_result
    return result.metrics if result is not None else {}


def _iterations(trial: Trial) -> int:
    """How many intervals the trial's checkpoint has walked."""
    return int(_metrics(trial).get(ITERATION, 0))


def _has_come(member: Trial, generation: int) -> bool:
    """Whether what the member reported after so many intervals is of the weights in its checkpoint, or of their past.

    It may have reported and not have written them yet, or have cloned others since.
    """
    return _iterations(member) >= generation > int(member.config["cloned_at"])


def _turn(trial: Trial) -> tuple[bool, int]:
    """Members first, the one that has run least; then the others, one after the other."""
    return (False, _iterations(trial)) if is_member(trial) else (True, -_iterations(trial))
