import numpy as np
import pandas as pd
import pytest

from erpo_explore.analysis.importance import MIN_POINTS, importances
from erpo_explore.analysis.trial_table import CHOICES, COORDINATES, trial_table
from erpo_explore.report.figures.parallel_axes import MAX_LINES, parallel_axes, shown_trials


def trials_of(num_trials, score):
    """Trials at random points whose score is a function of them."""
    generator = np.random.default_rng(5)
    frame = pd.DataFrame({name: generator.uniform(size=num_trials) for name in COORDINATES})
    frame = frame.assign(**dict.fromkeys(CHOICES, "bleu"), step=100, trial=[f"t{at}" for at in range(num_trials)])
    return frame.assign(score=score(frame))


def test_only_coordinates_that_determine_the_score_are_important():
    found = importances(
        trials_of(60, lambda frame: 10.0 * frame["rho"] + 4.0 * frame["task"]), np.random.default_rng(0)
    )
    table = found.table.set_index("coordinate")
    assert found.table["coordinate"].tolist()[:2] == ["rho", "task"]
    assert table.loc["rho", "low"] > table.loc["noise", "high"]
    assert (table["low"] <= table["importance"]).all()
    assert (table["importance"] <= table["high"]).all()
    assert found.r_squared > 0.8


def test_a_forest_explains_nothing_of_noise():
    noise = np.random.default_rng(9).normal(size=40)
    assert importances(trials_of(40, lambda _: noise), np.random.default_rng(0), num_repeats=10).r_squared < 0.1


def test_the_same_generator_gives_the_same_importances():
    trials = trials_of(40, lambda frame: frame["rho"])
    one, other = (importances(trials, np.random.default_rng(3), num_repeats=3).table for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_many_seeds_of_few_points_have_no_importances():
    few = trials_of(MIN_POINTS - 1, lambda frame: frame["rho"])
    seeds = pd.concat([few.assign(score=few["score"] + noise) for noise in range(10)], ignore_index=True)
    assert importances(seeds, np.random.default_rng(0)) is None


def test_equal_scores_have_no_importances():
    assert importances(trials_of(30, lambda _: 4.0), np.random.default_rng(0)) is None


def test_coordinates_of_a_trial_are_means_until_its_best_score(observations):
    table = trial_table(observations).set_index("trial")
    assert len(table) == observations["trial"].nunique()
    own = observations[observations["trial"] == "run_m0"]
    assert table.loc["run_m0", ["rho", "task"]].tolist() == pytest.approx(
        [own["rho"].mean(), own["reward_task"].mean()]
    )
    assert table.loc["run_m0", ["score", "step"]].tolist() == [23.0, 500]


def test_an_infinite_temperature_is_a_decade_above_the_highest(observations):
    table = trial_table(observations).set_index("trial")
    assert table.loc["run_policy_gradient_1", "log10_tau"] == pytest.approx(1.0)
    assert table["log10_tau"].drop(["run_policy_gradient_1", "run_policy_gradient_2"]).max() == pytest.approx(0.0)


def test_axes_are_the_differing_coordinates_then_the_score(observations):
    axes = parallel_axes(trial_table(observations))
    assert [axis.title for axis in axes] == ["steps", "ρ", "τ", "truth", "noise", "task", "model", "metric", "score"]
    for axis in axes:
        assert np.nanmin(axis.heights) == 0.0
        assert np.nanmax(axis.heights) == 1.0
    assert axes[-2].ticks == {0.0: "none", 1.0: "bleu"}
    assert (axes[-2].heights == 0.0).sum() == 2  # the two seeds of mle have no metric


def test_one_trial_has_a_score_axis(observations):
    axes = parallel_axes(trial_table(observations[observations["trial"] == "run_mle_1"]))
    assert [(axis.title, axis.ticks) for axis in axes] == [("score", {0.0: "20"})]


def test_shown_trials_include_the_best_and_the_worst():
    trials = trials_of(5 * MAX_LINES, lambda frame: frame["rho"]).sort_values("score", ascending=False)
    shown = shown_trials(trials)
    assert len(shown) == MAX_LINES
    assert shown["score"].iloc[[0, -1]].tolist() == trials["score"].iloc[[0, -1]].tolist()
