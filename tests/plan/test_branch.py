"""The method `branch`: its algorithms and its price."""

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError
from erpo_explore.plan.methods.branch import with_default_candidates
from erpo_explore.plan.prices import priced_trials
from erpo_explore.plan.trials import plan_trials
from tests.tiny_exploration import TINY


def space(**search):
    return Experiment.from_dict(TINY | {"baselines": ["mle"], "search": {"method": "branch"} | search})


def test_without_candidates_the_algorithms_suit_the_vocabulary():
    small, large = (with_default_candidates(space().search, size).candidates for size in (40, 6000))
    assert list(small) == ["mle", "label_smoothing", "raml", "data_noising", "grpo"]
    # all wrong tokens of a position together weigh 0.07
    assert small["raml"]["temperature"] == pytest.approx(0.158, abs=1e-3)
    assert large["raml"]["temperature"] == pytest.approx(0.088, abs=1e-3)


def test_candidates_that_are_named_and_other_methods_stay_as_they_are():
    named, other = space(candidates=["grpo"]).search, space(method="none").search
    assert with_default_candidates(named, 40) == named
    assert with_default_candidates(other, 40) == other


def test_the_budget_costs_as_many_trainings_of_maximum_likelihood_as_there_are_members():
    trials = [
        trial for trial in priced_trials(space(members=3, candidates=["grpo"]), "bleu") if trial.group == "search"
    ]
    assert [[share for share, _ in trial.phases] for trial in trials] == [[1.0, 0.0]] * 3


def test_fewer_reports_than_phases_are_an_error_before_anything_runs():
    with pytest.raises(ConfigError, match=r"search.phases must be at most the number of reports of a run, 4, got 5"):
        plan_trials(space(phases=5), "bleu")
