"""Additions to Tune's PBT and PB2, without a cluster; `test_methods` runs them on Ray."""

import random  # noqa: TID251 - it is under test
from types import SimpleNamespace

import numpy as np
import pytest
from ray.tune.experiment import Trial

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.store import ResultsWriter
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.ray_pbt import TunePb2, TunePbt, _seeded
from erpo_explore.tune.scoreboard import Scoreboard
from tests.tiny_exploration import TINY

SEARCH = {
    "members": 4,
    "ranges": {"task": [0.1, 0.3], "temperature": [0.02, 0.5]},
    "choices": {"metric": ["bleu", "edit"]},
}


class OneTrial(Trial):
    """Attributes of Tune's trial that are read when it is added."""

    def __init__(self, spec):
        self.config = Assignment(spec=spec).to_dict()
        self.trial_id = spec.name
        self.evaluated_params = {}
        self.experiment_tag = spec.name

        class Metadata:
            class checkpoint_manager:  # noqa: N801 - Tune's name
                class checkpoint_config:  # noqa: N801
                    num_to_keep = 3

        self.run_metadata = Metadata

    __repr__ = __str__ = object.__repr__


class Controller:
    search_alg = None


class OneSlot(Controller):
    """What Tune's controller does for a scheduler on one slot; a checkpoint is the number of its intervals."""

    def __init__(self, trials):
        self.trials = trials

    def get_trials(self):
        return self.trials

    def train_interval(self, scheduler, trial, objective, num_intervals=4):
        manager = trial.run_metadata.checkpoint_manager
        last = getattr(manager, "_latest_checkpoint_result", None)
        iteration = 1 + (0 if last is None else last.checkpoint)
        manager._latest_checkpoint_result = SimpleNamespace(checkpoint=iteration)
        trial.status = Trial.RUNNING
        if iteration == num_intervals:
            trial.status = Trial.TERMINATED
            return
        result = {"config": trial.config, "training_iteration": iteration, "score": objective, "objective": objective}
        scheduler.on_trial_result(self, trial, trial.config | result)
        trial.status = Trial.PAUSED

    def _schedule_trial_save(self, trial, result):
        return trial.run_metadata.checkpoint_manager._latest_checkpoint_result.checkpoint

    def pause_trial(self, trial, should_checkpoint):
        trial.status = Trial.PAUSED


@pytest.mark.parametrize(("method", "kind"), [("pbt", TunePbt), ("pb2", TunePb2)])
def test_a_members_coordinates_are_those_of_its_first_knot(method, kind, tmp_path):
    space = Experiment.from_dict(TINY | {"search": SEARCH | {"method": method}})
    folder = ResultsWriter.create(tmp_path / "tiny", {"exploration": "tiny"}).folder
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(folder))
    scheduler = kind(space, "bleu", recorder)
    for spec in plan_trials(space, "bleu"):
        trial = OneTrial(spec)
        before = dict(trial.config)
        scheduler.on_trial_add(Controller, trial)
        if spec.role == "algorithm":
            assert trial.config == before
            continue
        added = {name: value for name, value in trial.config.items() if name not in before}
        assert set(added) == {"task", "temperature", "metric", "prefix", "label"}
        point = scheduler._region.point(scheduler._position(trial.config), ("bleu", "q", "sampled"))
        first = spec.path.end
        assert point.reward.task == pytest.approx(first.reward.task)
        assert point.reward.temperature == pytest.approx(first.reward.temperature)
        assert added["metric"] == first.reward.metric


@pytest.mark.parametrize(("method", "kind"), [("pbt", TunePbt), ("pb2", TunePb2)])
def test_where_less_is_better_the_member_with_fewest_errors_is_cloned(method, kind, tmp_path):
    space = Experiment.from_dict(TINY | {"search": SEARCH | {"method": method, "quantile": 0.25}})
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="edit", scoreboard=Scoreboard(tmp_path))
    scheduler, rates = kind(space, "edit", recorder), {}
    for rate, spec in zip((30.0, 10.0, 40.0, 20.0), plan_trials(space, "edit")[-4:], strict=True):
        trial = OneTrial(spec)
        trial.status = Trial.RUNNING
        rates[trial] = rate
        scheduler.on_trial_add(Controller, trial)
        result = trial.config | {"config": trial.config, "training_iteration": 1, "score": rate, "objective": -rate}
        scheduler._save_trial_state(scheduler._trial_state[trial], 1, result, trial)
    worst, best = scheduler._quantiles()
    assert ([rates[trial] for trial in worst], [rates[trial] for trial in best]) == ([40.0], [10.0])


@pytest.mark.parametrize(("method", "kind"), [("pbt", TunePbt), ("pb2", TunePb2)])
def test_on_one_slot_a_clone_does_not_train_for_ever_before_its_donor(method, kind, tmp_path, monkeypatch):
    """The first member is the worst whenever it has trained three intervals, and goes back to a donor with two."""
    space = Experiment.from_dict(TINY | {"search": SEARCH | {"method": method, "quantile": 0.25}})
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(tmp_path))
    scheduler = kind(space, "bleu", recorder)
    monkeypatch.setattr(scheduler, "_get_new_config", lambda trial, _: (trial.config, {}))
    controller = OneSlot([OneTrial(spec) for spec in plan_trials(space, "bleu")[-4:]])
    for trial in controller.trials:
        trial.status = Trial.PENDING
        scheduler.on_trial_add(controller, trial)
    order = []
    while (trial := scheduler.choose_trial_to_run(controller)) is not None:
        order.append(controller.trials.index(trial))
        assert len(order) < 40, order
        controller.train_interval(scheduler, trial, objective=0.0 if order[-1] == 0 else 1.0)
    assert order[:9] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert len(order) > 4 * 4  # the first member went back
    assert {trial.status for trial in controller.trials} == {Trial.TERMINATED}


def test_pbt_leaves_no_coordinate_outside_its_range(tmp_path):
    space = Experiment.from_dict(TINY | {"search": SEARCH | {"method": "pbt", "resample": 0.0}})
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(tmp_path))
    scheduler = TunePbt(space, "bleu", recorder)
    config = {"spec": {"name": "member-0"}, "task": 0.36, "temperature": 0.016, "metric": "edit"}
    kept = scheduler._custom_explore_fn(config)
    assert kept == config | {"task": 0.3, "temperature": 0.02}


def draws():
    return [random.random(), float(np.random.random())]  # noqa: NPY002


def test_the_process_wide_generators_are_seeded_by_the_key_and_restored():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    undisturbed = [draws(), draws()]
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    found = [draws()]
    inside = []
    for key in ((1, 2, 3), (1, 2, 3), (1, 2, 4)):
        with _seeded(*key):
            inside.append(draws())
    found.append(draws())
    assert found == undisturbed
    assert inside[0] == inside[1] != inside[2]
