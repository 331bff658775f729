import math

import pandas as pd
import pytest

from erpo_explore.analysis.points import comparison, map_points, point_table, seed_scores


def test_trials_are_ranked_by_their_best_score(observations):
    table = point_table(observations)
    assert table["trial"].tolist()[:4] == ["run_m2", "run_m1", "run_m0", "run_raml_2"]
    assert table["best_score"].tolist()[:4] == [24.5, 24.0, 23.0, 22.5]
    assert len(table) == observations["trial"].nunique()


def test_a_diverged_trial_keeps_its_scores_from_before(observations):
    row = point_table(observations).set_index("trial").loc["run_random_0"]
    assert (row["best_score"], row["best_step"], row["steps"], row["status"]) == (3.0, 100, 200, "diverged")


def test_the_coordinates_are_those_of_the_best_report(observations):
    earlier = observations.copy()
    earlier.loc[(earlier["trial"] == "run_m2") & (earlier["iteration"] == 2), ["score", "objective"]] = 99.0
    row = point_table(earlier).iloc[0]
    assert (row["trial"], row["best_step"], row["rho"]) == ("run_m2", 200, pytest.approx(0.1))
    assert row["final_score"] == 24.5


def test_a_trial_without_a_score_comes_last_with_its_own_point(observations):
    unscored = observations.copy()
    unscored.loc[unscored["trial"] == "run_mle_1", ["score", "objective"]] = None
    row = point_table(unscored).iloc[-1]
    assert row["trial"] == "run_mle_1"
    assert math.isnan(row["best_score"])
    assert row["reward_truth"] == 1.0


def test_baselines_are_compared_over_seeds(observations):
    row = comparison(observations).set_index("label").loc["mle"]
    assert (row["over"], row["n"], row["mean"]) == ("seeds", 2, 20.5)
    assert row["sd"] == pytest.approx(math.sqrt(0.5))
    assert row["high"] - row["mean"] == pytest.approx(6.3531, abs=1e-4)


def test_members_are_other_points_and_get_no_interval(observations):
    row = comparison(observations).set_index("label").loc["member"]
    assert (row["over"], row["n"], row["mean"]) == ("points", 4, pytest.approx(23.375))
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])


def test_one_seed_gets_no_interval(observations):
    one = observations[observations["trial"] == "run_mle_1"]
    row = comparison(one).iloc[0]
    assert (row["n"], row["mean"]) == (1, 20.0)
    assert math.isnan(row["low"])


def test_an_unscored_trial_is_counted_and_left_out_of_the_mean(observations):
    unscored = observations.copy()
    unscored.loc[unscored["trial"] == "run_mle_1", ["score", "objective"]] = None
    row = comparison(unscored).set_index("label").loc["mle"]
    assert (row["n"], row["num_unscored"], row["mean"]) == (1, 1, 21.0)


def test_a_seed_that_ran_twice_counts_once(observations):
    once = observations[observations["trial"] == "run_mle_1"]
    table = point_table(pd.concat([once, once.assign(trial="again", score=30.0, objective=30.0)]))
    assert seed_scores(table) == {"mle": {1: 25.0}}


def test_policy_gradient_has_no_finite_temperature_on_the_map(observations):
    points = map_points(observations).set_index("trial")
    assert points.loc["run_policy_gradient_1", "log10_tau"] == math.inf
    assert points.loc["run_raml_1", "log10_tau"] == pytest.approx(math.log10(0.4))


def test_a_temperature_of_zero_has_no_position_on_the_map(observations):
    cold = observations.copy()
    cold.loc[cold["algorithm"] == "raml", "tau"] = 0.0
    assert map_points(cold).set_index("trial")["log10_tau"].isna().sum() == 2


def test_shares_sum_to_one_whatever_the_weights(observations):
    weighted = observations.copy()
    weighted.loc[weighted["algorithm"] == "raml", "reward_task"] = 4.0
    points = map_points(weighted, every=True)
    assert points[["truth", "noise", "task", "model"]].sum(axis=1).tolist() == pytest.approx([1.0] * len(points))
    assert set(points.loc[points["algorithm"] == "raml", "task"]) == {1.0}


def test_a_constant_reward_has_no_position_on_the_simplex(observations):
    constant = observations.copy()
    constant.loc[constant["algorithm"] == "raml", "reward_task"] = 0.0
    points = map_points(constant)
    assert points.loc[points["algorithm"] == "raml", ["truth", "noise", "task", "model"]].isna().all(axis=None)


def test_map_points_can_keep_every_scored_report(observations):
    assert len(map_points(observations, every=True)) == observations["score"].notna().sum()
