"""Population-based annealing: a population of members, each of which walks a path and is judged after every interval.

Built on Ray Tune's `PopulationBasedTraining`, whose bookkeeping and cloning it uses (`_exploit`: the donor's checkpoint
and a new config become the member's). Changed, and why:

- *every* member gets a next knot at each generation, not only the clones, since a path is what is searched;
- trials that are no members (dots, given paths) run beside the population and are never judged by it;
- the population decides when all members wait at the same interval with their checkpoints written. Tune's synchronous
mode
  lets the last member run on for one more iteration, so that knots lie at different places;
- every draw comes from a generator named by (seed, generation, member); Tune's draws from the process-wide one;
- lineage goes to the results store, not to a text file.

All state that matters lies in the trials themselves: the generation in a member's config says how many knots have been
chosen for it, the iteration of its checkpoint how many it has walked. So a restored driver needs nothing else.
"""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from erpo_explore.search.decisions import Decision, Standing, decide
from erpo_explore.search.recorder import Recorder
from erpo_explore.space import Path
from erpo_explore.space.reward import Metric
from erpo_explore.space.search_space import SearchSpace
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.trainable import trial_config

__all__ = ["PopulationBasedAnnealing"]

_ITERATION = "training_iteration"


class PopulationBasedAnnealing(PopulationBasedTraining):  # type: ignore[misc]  # ray ships no types for it
    """Tune's scheduler for an exploration with a population."""

    def __init__(self, space: SearchSpace, metric: Metric, recorder: Recorder) -> None:
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
        self._configs: dict[str, dict[str, Any]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A member waits for the others after each interval; any other trial goes on."""
        del tune_controller
        if not _is_member(trial):
            return str(TrialScheduler.CONTINUE)
        self._save_trial_state(self._trial_state[trial], result[_ITERATION], result, trial)
        return str(TrialScheduler.PAUSE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The waiting trial that has run least; decides for the population first, where all of it waits."""
        trials = tune_controller.get_trials()
        self._decide_where_all_wait(tune_controller, [trial for trial in trials if _is_member(trial)])
        waiting = [trial for trial in trials if trial.status in (Trial.PENDING, Trial.PAUSED) and _may_run(trial)]
        return min(waiting, key=_iterations, default=None)

    def _decide_where_all_wait(self, tune_controller: Any, members: list[Trial]) -> None:
        alive = [member for member in members if not member.is_finished()]
        if not alive or any(_may_run(member) or not _waits(member) for member in alive):
            return
        generation = _iterations(alive[0])
        standings = [
            Standing(
                name=member.config["spec"]["name"],
                index=members.index(member),
                score=_checkpoint_metrics(member)["score"],
                path=Path.from_dict(_checkpoint_metrics(member)["path"]),
            )
            for member in alive
        ]
        decisions = decide(
            standings, self._space.search, self._task_metric, seed=self._space.seed, generation=generation
        )
        self._recorder.decide(decisions, generation=generation, step=_checkpoint_metrics(alive[0])["step"])
        by_name = {member.config["spec"]["name"]: member for member in alive}
        # all of the donors' checkpoints are noted before the first clone takes one
        for member in alive:
            state = self._trial_state[member]
            state.last_result = dict(_checkpoint_metrics(member))
            state.last_score, state.last_train_time = state.last_result["score"], generation
            state.last_checkpoint = member.checkpoint
        for decision in decisions:
            self._apply(tune_controller, decision, by_name, generation)

    def _apply(self, tune_controller: Any, decision: Decision, members: dict[str, Trial], generation: int) -> None:
        member = members[decision.member]
        config = trial_config(
            TrialSpec.from_dict(member.config["spec"]),
            generation=generation,
            parent=decision.donor or member.config["parent"],
            next_knot=decision.next_knot,
        )
        if decision.donor is None:
            member.set_config(config)
            return
        self._configs[member.trial_id] = config
        self._exploit(tune_controller, member, members[decision.donor])

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `_exploit` gives the clone: the config that was decided, with the member's own name and seed."""
        del trial_to_clone
        return self._configs.pop(trial.trial_id), {}


def _keep(config: dict[str, Any]) -> dict[str, Any]:
    """Tune's own exploration, which this scheduler replaces, but whose constructor asks for one."""
    return config


def _is_member(trial: Trial) -> bool:
    return bool(trial.config["spec"]["role"] == "member")


def _checkpoint_metrics(trial: Trial) -> dict[str, Any]:
    """What the trial reported when its last checkpoint was written; empty before the first."""
    result = trial.latest_checkpoint_result
    return dict(result.metrics) if result is not None else {}


def _iterations(trial: Trial) -> int:
    """How many intervals the trial's checkpoint has walked."""
    return int(_checkpoint_metrics(trial).get(_ITERATION, 0))


def _may_run(trial: Trial) -> bool:
    """Whether the trial knows where to walk next."""
    return not _is_member(trial) or (not trial.is_saving and _iterations(trial) == trial.config["generation"])


def _waits(trial: Trial) -> bool:
    """Whether a member stands still, with its last interval in its checkpoint."""
    return trial.status in (Trial.PENDING, Trial.PAUSED) and not trial.is_saving
