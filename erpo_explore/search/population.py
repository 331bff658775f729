"""Population-based annealing: a population of members, each of which walks a path and is judged after every interval.

A Ray Tune scheduler on top of `PopulationBasedTraining`: Tune treats it as one, and members clone as there, by a
donor's checkpoint and a new config. Changed, and why:

- *every* member gets a next knot at each generation, not only the clones, since a path is what is searched;
- trials that are no members (dots, given paths) fill the slots that the population leaves, and are never judged by it;
- the population decides when all members wait at the same interval with their checkpoints written. Tune's synchronous
  mode lets the last member run on for one more iteration, so that knots lie at different places;
- a member that waits gives up its worker only where another trial can use it at once; else the worker is kept for the
  next interval, since starting one costs seconds;
- every draw comes from a generator named by (seed, generation, member); Tune's draws from the process-wide one;
- lineage goes to the results store, not to a text file.

All state that matters lies in the trials themselves: the generation in a member's config says how many knots have been
chosen for it, the iteration of its checkpoint how many it has walked. So a restored driver needs nothing else.
"""

import copy
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from erpo_explore.search.decisions import Decision, Standing, decide
from erpo_explore.search.recorder import Recorder
from erpo_explore.space import Path
from erpo_explore.space.search_space import SearchSpace
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.trainable import ErpoTrainable, trial_config

__all__ = ["PopulationBasedAnnealing"]

_ITERATION = "training_iteration"


class PopulationBasedAnnealing(PopulationBasedTraining):
    """Tune's scheduler for an exploration with a population."""

    def __init__(self, space: SearchSpace, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration.

        Args:
            space: Seed, share to replace, ranges of the next knot.
            metric: The task's own metric.
            recorder: Where decisions are written.
        """
        super().__init__(
            time_attr=_ITERATION,
            metric="score",
            mode="max",
            perturbation_interval=1,
            quantile_fraction=space.search.quantile,
            custom_explore_fn=_keep,
            log_config=False,
            synch=True,
        )
        self._space = space
        self._task_metric = metric
        self._recorder = recorder

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A restored member that has walked its last knot waits for the others."""
        super().on_trial_add(tune_controller, trial)
        if trial.status == Trial.PENDING and _waits(trial):
            trial.set_status(Trial.PAUSED)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A member waits for the others; any other trial goes on, unless a member needs its worker."""
        del result
        ready = [other for other in tune_controller.get_trials() if other is not trial and _is_ready(other)]
        if _is_member(trial):
            return str(TrialScheduler.PAUSE if ready else TrialScheduler.NOOP)
        return str(TrialScheduler.PAUSE if any(map(_is_member, ready)) else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """A ready member, else a trial beside the population; where all members wait, the population decides first."""
        trials = tune_controller.get_trials()
        members = [trial for trial in trials if _is_member(trial) and not trial.is_finished()]
        if members and all(_waits(member) for member in members):
            self._decide(tune_controller, members)
        return min((trial for trial in trials if _is_ready(trial)), key=_turn, default=None)

    def _decide(self, tune_controller: Any, members: list[Trial]) -> None:
        by_name = {member.config["spec"]["name"]: member for member in members}
        metrics = {name: _metrics(member) for name, member in by_name.items()}
        standings = [
            Standing(
                name=name,
                index=member.config["spec"]["seed"] - self._space.seed,
                score=metrics[name]["score"],
                path=Path.from_dict(metrics[name]["path"]),
            )
            for name, member in by_name.items()
        ]
        generation = _iterations(members[0])
        decisions = decide(
            standings, self._space.search, self._task_metric, seed=self._space.seed, generation=generation
        )
        self._recorder.decide(decisions, generation=generation, step=_metrics(members[0])["step"])
        checkpoints = {name: member.latest_checkpoint_result for name, member in by_name.items()}
        for decision in decisions:
            member = by_name[decision.member]
            if decision.donor is not None:
                # a copy: the donor's own record goes on to its next checkpoint
                manager: Any = member.run_metadata.checkpoint_manager
                manager._latest_checkpoint_result = copy.copy(checkpoints[decision.donor])
            member.set_config(_next_config(member, decision, generation))
            if member.status == Trial.RUNNING:
                _go_on(tune_controller, member)


def _next_config(member: Trial, decision: Decision, generation: int) -> dict[str, Any]:
    return trial_config(
        TrialSpec.from_dict(member.config["spec"]),
        generation=generation,
        parent=decision.donor or member.config["parent"],
        next_knot=decision.next_knot,
    )


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


def _is_member(trial: Trial) -> bool:
    return bool(trial.config["spec"]["role"] == "member")


def _metrics(trial: Trial) -> dict[str, Any]:
    """What the trial reported when its last checkpoint was written; empty before the first."""
    result = trial.latest_checkpoint_result
    return dict(result.metrics) if result is not None else {}


def _iterations(trial: Trial) -> int:
    """How many intervals the trial's checkpoint has walked."""
    return int(_metrics(trial).get(_ITERATION, 0))


def _waits(trial: Trial) -> bool:
    """Whether a member has walked all of its knots, and its checkpoint is written."""
    return _is_member(trial) and not trial.is_saving and _iterations(trial) > trial.config["generation"]


def _is_ready(trial: Trial) -> bool:
    """Whether a trial needs nothing but a worker to train on."""
    return trial.status in (Trial.PENDING, Trial.PAUSED) and not trial.is_saving and not _waits(trial)


def _turn(trial: Trial) -> tuple[bool, int]:
    """Members first, the one that has run least; then the others, one after the other."""
    return (False, _iterations(trial)) if _is_member(trial) else (True, -_iterations(trial))
