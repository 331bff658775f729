"""Trials as they are priced, and experiments of other sizes."""

import pytest

from erpo_explore.advice.fit import Sizes
from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.prices import priced_trials, resized, sizes_of
from erpo_explore.space import algorithm
from tests.plan.test_trials import experiment_of
from tests.tiny_exploration import TINY

GRPO = algorithm("grpo").path("bleu").end


@pytest.mark.parametrize("method", ["population", "random", "grid", "none", "optuna", "pbt"])
def test_every_trial_has_a_whole_budget(method: str) -> None:
    for trial in priced_trials(experiment_of(method), "bleu"):
        assert sum(share for share, _ in trial.phases) == pytest.approx(1.0)


def test_trials_are_grouped_by_baseline_and_search() -> None:
    groups = [trial.group for trial in priced_trials(experiment_of("population"), "bleu")]
    assert {group: groups.count(group) for group in groups} == {
        "mle": 2,
        "interpolation": 2,
        "papers": 2,
        "search": 5,
    }


def test_suggested_trials_are_counted() -> None:
    assert [trial.group for trial in priced_trials(experiment_of("optuna"), "bleu")].count("search") == 5


def test_members_are_at_the_candidates_as_often_as_they_may_jump_there() -> None:
    search = {"candidates": ["grpo"], "p_candidate": 0.3}
    members = [t for t in priced_trials(experiment_of("population", search=search), "bleu") if t.group == "search"]
    for member in members:
        assert sum(share for share, point in member.phases if point == GRPO) >= 0.3 - 1e-9


def test_a_resized_experiment_has_the_sizes() -> None:
    sizes = Sizes(steps=8, interval=2, members=2, num_seeds=3)
    assert sizes_of(resized(Experiment.from_dict(TINY), sizes)) == sizes


def test_only_the_sizes_change() -> None:
    experiment = Experiment.from_dict(TINY)
    assert resized(resized(experiment, Sizes(steps=8, interval=2, members=2, num_seeds=3)), sizes_of(experiment)) == (
        experiment
    )


def test_epochs_become_steps() -> None:
    experiment = Experiment.from_dict(TINY | {"training": {"epochs": 3}})
    training = resized(experiment, Sizes(steps=8, interval=2, members=3, num_seeds=1)).training
    assert (training.steps, training.interval, training.epochs) == (8, 2, None)


def test_what_was_not_written_stays_unwritten() -> None:
    smaller = resized(Experiment.from_dict(TINY), Sizes(steps=8, interval=2, members=2, num_seeds=1))
    assert "resources" not in smaller.to_yaml()
    assert "members: 2" in smaller.to_yaml()
