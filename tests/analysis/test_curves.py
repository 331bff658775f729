import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from erpo_explore.analysis.curves import learning_curves, thinned


def test_the_band_matches_scipys_interval(observations):
    third = observations[observations["algorithm"] == "mle"].assign(trial="third", seed=3)
    frame = pd.concat([observations, third.assign(score=third["score"] + 2.5)], ignore_index=True).drop_duplicates(
        ["trial", "step"]
    )
    row = learning_curves(frame).set_index(["algorithm", "step"]).loc[("mle", 300)]
    scores = frame[(frame["algorithm"] == "mle") & (frame["step"] == 300)]["score"]
    expected = stats.t.interval(0.95, 2, loc=scores.mean(), scale=stats.sem(scores))
    assert (row["n"], row["mean"]) == (3, pytest.approx(scores.mean()))
    assert [row["low"], row["high"]] == pytest.approx(expected)


def test_one_seed_has_no_band(observations):
    curves = learning_curves(observations[observations["seed"] == 1])
    assert set(curves["n"]) == {1}
    assert curves["low"].isna().all()


def test_a_seed_that_ran_twice_counts_once(observations):
    once = observations[observations["trial"] == "run_mle_1"]
    twice = pd.concat([once, once.assign(trial="again", score=once["score"] + 2.0)])
    row = learning_curves(twice).iloc[0]
    assert (row["n"], row["mean"]) == (1, once["score"].iloc[0] + 1.0)


def test_a_step_without_a_score_is_not_on_the_curve(observations):
    unscored = observations.copy()
    unscored.loc[(unscored["algorithm"] == "mle") & (unscored["step"] == 200), "score"] = math.nan
    assert 200 not in set(learning_curves(unscored).query("algorithm == 'mle'")["step"])


@pytest.mark.parametrize("length", [1, 5, 6, 1000])
def test_a_thinned_line_keeps_its_ends(length):
    line = thinned(pd.DataFrame({"x": np.arange(length)}), 5)
    assert len(line) == min(length, 5)
    assert [line["x"].iloc[0], line["x"].iloc[-1]] == [0, length - 1]
