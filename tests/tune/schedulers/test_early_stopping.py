"""Decisions of the rules on reports, without a cluster; `test_methods` runs them on Ray."""

import pytest
from ray import cloudpickle  # as Tune saves schedulers
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.space import Path, Point, Reward
from erpo_explore.store import ResultsWriter
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.early_stopping import EarlyStopping
from erpo_explore.tune.scoreboard import Scoreboard
from tests.tiny_exploration import TINY
from tests.tune.reports import report as reported

GO_ON, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP
RULES = ("asha", "median")
TRUTH = Path.constant(Point(reward=Reward(truth=1.0)))


class OneTrial(Trial):
    """Attributes of Tune's trial that the scheduler reads."""

    latest_checkpoint_result = None

    def __init__(self, name, role="random"):
        self.spec = TrialSpec(name=name, role=role, algorithm=None, seed=1, path=TRUTH)
        self.config = {"spec": self.spec.to_dict()}
        self.trial_id = name
        self.status = Trial.RUNNING

    __repr__ = __str__ = object.__repr__


@pytest.fixture
def recorder(tmp_path):
    folder = ResultsWriter.create(tmp_path / "tiny", {"exploration": "tiny"}).folder
    return Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(folder))


def scheduler_of(rule, recorder):
    """A scheduler for six intervals, so that nothing is judged before the second."""
    search = {"method": "random", "early_stopping": rule}
    training = TINY["training"] | {"steps": 18}
    return EarlyStopping(Experiment.from_dict(TINY | {"search": search, "training": training}), recorder.scoreboard)


def judge(scheduler, trial, iteration, score):
    return scheduler.on_trial_result(None, trial, {"training_iteration": iteration, "score": score, "objective": score})


def add(scheduler, *names, role="random"):
    trials = [OneTrial(name, role) for name in names]
    for trial in trials:
        scheduler.on_trial_add(None, trial)
    return trials


@pytest.mark.parametrize("rule", RULES)
def test_only_a_trial_below_the_others_is_stopped_and_only_after_the_grace_period(rule, recorder):
    scheduler = scheduler_of(rule, recorder)
    *good, bad = add(scheduler, "a", "b", "c", "bad")
    for iteration in (1, 2):
        assert [judge(scheduler, trial, iteration, 10.0 * iteration) for trial in good] == [GO_ON] * 3
    assert [judge(scheduler, bad, iteration, 1.0) for iteration in (1, 2)] == [GO_ON, STOP]


@pytest.mark.parametrize("rule", RULES)
def test_a_trial_as_good_as_the_others_continues(rule, recorder):
    scheduler = scheduler_of(rule, recorder)
    trials = add(scheduler, *"abcd")
    for iteration in range(1, 6):
        assert {judge(scheduler, trial, iteration, 5.0) for trial in trials} == {GO_ON}


@pytest.mark.parametrize("role", ["algorithm", "path", "member"])
@pytest.mark.parametrize("rule", RULES)
def test_baselines_and_members_are_neither_stopped_nor_compared_with(rule, role, recorder):
    scheduler = scheduler_of(rule, recorder)
    named = add(scheduler, "x", "y", "z", "mle", role=role)
    (searched,) = add(scheduler, "alone")
    for iteration in range(1, 6):
        assert {judge(scheduler, trial, iteration, 50.0) for trial in named[:3]} == {GO_ON}
        assert judge(scheduler, named[3], iteration, 0.0) == GO_ON
        assert judge(scheduler, searched, iteration, 1.0) == GO_ON


@pytest.mark.parametrize("rule", RULES)
def test_a_diverged_run_is_not_compared_with(rule, recorder):
    scheduler = scheduler_of(rule, recorder)
    lost, *others = add(scheduler, "lost", "a", "b", "c", "d")
    judge(scheduler, lost, 1, 5.0)
    scheduler.on_trial_complete(None, lost, {"training_iteration": 2, "score": None, "objective": None})
    for iteration in (1, 2):
        assert {judge(scheduler, trial, iteration, 5.0) for trial in others} == {GO_ON}


class TestResume:
    """After the death of a driver: the scheduler is as before the run, but the store has reports."""

    def record(self, recorder, name, scores, *, stopped=False):
        trial = OneTrial(name)
        for iteration, score in enumerate(scores, start=1):
            last = stopped and iteration == len(scores)
            recorder.observe(trial.spec, reported(iteration, score, done=last))

    @pytest.mark.parametrize("rule", RULES)
    def test_it_knows_the_reports_to_the_earlier_driver(self, rule, recorder):
        fresh = cloudpickle.dumps(scheduler_of(rule, recorder))
        for name in "abc":
            self.record(recorder, name, [10.0, 20.0, 30.0])
        self.record(recorder, "bad", [1.0])
        scheduler = cloudpickle.loads(fresh)
        *_, bad = add(scheduler, "a", "b", "c", "bad")
        assert judge(scheduler, bad, 2, 1.0) == STOP

    @pytest.mark.parametrize("rule", RULES)
    def test_earlier_decisions_are_repeated(self, rule, recorder):
        scheduler = scheduler_of(rule, recorder)
        self.record(recorder, "stopped", [1.0, 90.0], stopped=True)
        for name in "abc":
            self.record(recorder, name, [10.0, 20.0, 30.0])
        self.record(recorder, "lucky", [1.0, 1.0, 1.0])
        stopped, *_, lucky = add(scheduler, "stopped", "a", "b", "c", "lucky")
        # the rule alone would decide the opposite each time
        assert [judge(scheduler, stopped, iteration, 90.0) for iteration in (1, 2)] == [GO_ON, STOP]
        assert [judge(scheduler, lucky, iteration, 1.0) for iteration in (1, 2)] == [GO_ON, GO_ON]

    @pytest.mark.parametrize("rule", RULES)
    def test_a_lost_suggestion_is_judged_anew(self, rule, recorder):
        for name in "abc":
            self.record(recorder, name, [10.0, 20.0, 30.0])
        self.record(recorder, "optuna-0", [1.0, 1.0, 1.0])
        scheduler = scheduler_of(rule, recorder)
        add(scheduler, "a", "b", "c")
        (again,) = add(scheduler, "optuna-0", role="optuna")
        assert judge(scheduler, again, 2, 1.0) == STOP


@pytest.mark.parametrize("rule", RULES)
def test_where_less_is_better_the_trial_with_most_errors_is_stopped(rule, recorder):
    """The rules read the objective, which is the negative of an error rate."""
    scheduler = scheduler_of(rule, recorder)
    *good, bad = add(scheduler, "a", "b", "c", "bad")

    def judge_rate(trial, iteration, rate):
        result = {"training_iteration": iteration, "score": rate, "objective": -rate}
        return scheduler.on_trial_result(None, trial, result)

    for iteration in (1, 2):
        assert [judge_rate(trial, iteration, 20.0) for trial in good] == [GO_ON] * 3
    assert [judge_rate(bad, iteration, 60.0) for iteration in (1, 2)] == [GO_ON, STOP]
