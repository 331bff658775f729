import logging
import math
import pickle
from pathlib import Path as FilePath
from types import SimpleNamespace

import pytest
from typing_extensions import override

from erpo_explore.config.experiment import Experiment
from erpo_explore.space import Path, algorithm
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.trackers.tracker import Tracker
from erpo_explore.tune.callbacks.tracking import TrackingCallback, trial_metrics, trial_params
from tests.tiny_exploration import TINY

SPEC = TrialSpec(name="mle-s1", role="algorithm", algorithm="mle", seed=1, path=algorithm("mle").path("bleu"))
TRIAL = SimpleNamespace(trial_id="q_0", config=Assignment(spec=SPEC).to_dict())
RESULT = {
    "step": 100,
    "score": 12.5,
    "alpha": math.inf,
    "train_loss_nats": math.nan,
    "rouge1": None,
    "metric": "bleu",
    "samples": [{"source": "a", "sentence_score": 1.0}],
    "sentences": {"validation": object()},
    "path": {"knots": [{"at": 0.0}]},
    "done": True,
    "training_iteration": 1,
    "time_this_iter_s": 2.0,
    "config": {"spec": {"seed": 3}},
    "test": {"bleu": 3.5, "signature": "nrefs:1", "num_sentences": 20, "score": None},
}


class Spy(Tracker):
    """Notes its calls, and raises at one of them."""

    name = "spy"
    package = "spy"

    def __init__(self, fails_at=None):
        self.calls, self._fails_at = [], fails_at

    @classmethod
    @override
    def check(cls, setting, folder):
        pass

    @classmethod
    @override
    def connect(cls, setting, exploration, folder):
        return cls()

    def begin(self, key, trial, params):
        self._note("begin", key, trial, params)

    def log(self, key, step, metrics):
        self._note("log", key, step, metrics)

    def end(self, key, *, failed):
        self._note("end", key, failed)

    def close(self):
        self._note("close")

    def _note(self, method, *args):
        self.calls.append((method, *args))
        if method == self._fails_at:
            raise OSError("no\nroute")


@pytest.fixture
def callback_with(monkeypatch):
    """A callback with these trackers: callback_with(tracker, …) -> callback."""

    def start(*trackers):
        monkeypatch.setattr("erpo_explore.tune.callbacks.tracking.new_trackers", lambda *_: list(trackers))
        callback = TrackingCallback(Experiment.from_dict(TINY), FilePath("results"))
        callback.setup()
        return callback

    return start


def test_metrics_are_the_finite_numbers():
    assert trial_metrics(RESULT) == {"score": 12.5, "test/bleu": 3.5, "test/num_sentences": 20.0}


def test_params_describe_a_trial_in_short_texts():
    long = Path(knots=tuple((at / 40, SPEC.path.at(0.0)) for at in range(41)))
    params = trial_params(
        TrialSpec(name="m", role="member", algorithm=None, seed=2, path=long), Experiment.from_dict(TINY)
    )
    assert (params["task"], params["model"], params["role"], params["seed"]) == ("toy", "lstm", "member", 2)
    assert params["training.steps"] == 12
    assert "algorithm" not in params
    assert max(len(str(value)) for value in params.values()) <= 500


def test_a_trial_that_waits_and_starts_again_begins_once(callback_with):
    spy = Spy()
    callback = callback_with(spy)
    for _ in range(2):
        callback.on_trial_start(1, [], TRIAL)
        callback.on_trial_result(1, [], TRIAL, RESULT)
    callback.on_trial_complete(1, [], TRIAL)
    callback.on_experiment_end([])
    metrics = trial_metrics(RESULT)
    (_, key, *begun), *others = spy.calls
    assert key.endswith("-q_0")
    assert begun == ["mle-s1", trial_params(SPEC, Experiment.from_dict(TINY))]
    assert others == [("log", key, 100, metrics)] * 2 + [("end", key, False), ("close",)]


def test_a_trial_that_reports_after_a_resume_begins_again(callback_with):
    spy = Spy()
    before = callback_with(spy)
    before.on_trial_start(1, [], TRIAL)
    callback = callback_with(spy)
    callback.set_state(pickle.loads(pickle.dumps(before.get_state())))
    callback.setup()
    callback.on_trial_result(1, [], TRIAL, RESULT)
    callback.on_trial_error(1, [], TRIAL)
    assert [call[0] for call in spy.calls] == ["begin", "begin", "log", "end"]
    assert len({call[1] for call in spy.calls}) == 1
    assert spy.calls[-1][2:] == (True,)


def test_two_explorations_of_one_project_share_no_run(callback_with):
    spies = Spy(), Spy()
    for spy in spies:
        callback_with(spy).on_trial_start(1, [], TRIAL)
    assert spies[0].calls[0][1] != spies[1].calls[0][1]


@pytest.mark.parametrize("method", ["begin", "log", "end", "close"])
def test_a_tracker_that_raises_is_not_called_again_and_the_others_are(method, callback_with, caplog):
    broken, whole = Spy(fails_at=method), Spy()
    callback = callback_with(broken, whole)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            callback.on_trial_result(1, [], TRIAL, RESULT)
        callback.on_trial_complete(1, [], TRIAL)
        callback.on_experiment_end([])
    assert [call[0] for call in whole.calls] == ["begin", "log", "log", "end", "close"]
    assert broken.calls[-1][0] == method
    assert [record.getMessage() for record in caplog.records] == [
        "tracking with spy has stopped (OSError: no route); training goes on"
    ]
