"""Tune trials as schedulers and callbacks see them."""

from types import SimpleNamespace

import pytest

from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.trial_view import TrialView
from tests.trial.tiny import MIXTURE, PATHS, spec_of


class OneTrial(SimpleNamespace):
    """Attributes of Tune's trial that a view reads."""

    def set_config(self, config):
        self.config = config


def trial_of(role, *, saved=None, **config):
    spec = spec_of(PATHS["mle"], name=f"{role}-0", role=role, seed=7)
    return OneTrial(
        config=Assignment(spec=spec, until=3, next_knot=MIXTURE).to_dict() | config,
        latest_checkpoint_result=saved,
        last_result=None,
        run_metadata=SimpleNamespace(num_failures=2),
    )


@pytest.mark.parametrize(("role", "is_member"), [("member", True), ("algorithm", False)])
def test_it_reads_the_assignment(role, is_member):
    view = TrialView(trial_of(role))
    assert (view.name, view.role, view.seed, view.until, view.is_member) == (f"{role}-0", role, 7, 3, is_member)
    assert view.spec == view.assignment.spec
    assert view.assignment.next_knot == MIXTURE
    assert view.num_failures == 2


def test_a_trial_without_a_checkpoint_has_trained_no_interval():
    view = TrialView(trial_of("member"))
    assert (view.iteration, view.metrics, view.checkpoint, view.last_report) == (0, {}, None, {})


def test_metrics_are_those_of_the_latest_checkpoint():
    saved = SimpleNamespace(
        metrics={"training_iteration": 4, "score": 1.0, "objective": 1.0}, checkpoint=SimpleNamespace(path="a/b")
    )
    view = TrialView(trial_of("member", saved=saved))
    assert (view.iteration, view.metrics["score"], view.checkpoint) == (4, 1.0, "a/b")


def test_a_new_assignment_keeps_the_searched_coordinates():
    trial = trial_of("member", task=0.3)
    view = TrialView(trial)
    view.assign(view.assignment.after_failure(num_failures=1, diverged=True))
    assert (view.assignment.num_failures, view.assignment.attempt, trial.config["task"]) == (1, 1, 0.3)


def test_coordinates_replace_nothing_that_is_there():
    trial = trial_of("member", task=0.3)
    TrialView(trial).add_to_config({"task": 0.5, "temperature": 0.1})
    assert (trial.config["task"], trial.config["temperature"]) == (0.3, 0.1)
