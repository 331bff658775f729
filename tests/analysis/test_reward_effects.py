"""Rewards that rise while a metric falls, and developments that are none."""

import numpy as np
import pandas as pd
import pytest

from erpo_explore.analysis.reward_effects import measured_score, reward_effects
from erpo_explore.report.sections import reward_caution
from erpo_explore.report.summary import effect_lines

RISING = [0.10, 0.15, 0.20, 0.25, 0.30, 0.35]
FALLING = [20.0, 25.0, 24.0, 22.5, 21.0, 19.0]


def observed(rewards, scores, *, trial="spg-s1", metric="bleu", higher_is_better=True, **more):
    given = {"status": "finished", "length_ratio": 0.5, "cut_hypotheses": 0.25} | more
    frame = pd.DataFrame({"mean_reward": rewards, "score": scores, "metric": metric})
    return frame.assign(
        trial=trial,
        iteration=range(1, len(rewards) + 1),
        step=range(100, 100 * len(rewards) + 1, 100),
        objective=frame["score"] if higher_is_better else -frame["score"],
        **given,
    )


def effects_of(*frames, name="rouge"):
    observations = pd.concat(frames, ignore_index=True)
    return reward_effects(observations, measured_score(observations, name))


def test_a_metric_that_falls_while_the_reward_rises_is_named_with_both_ends():
    (effect,) = effects_of(observed(RISING, FALLING))
    assert str(effect) == (
        "spg-s1: since step 200 its reward bleu rose from 0.150 to 0.350, but validation rouge got worse: it fell from "
        "25.00 to 19.00; hypotheses have 0.50 times the references' length and 25 % of them are cut"
    )


def test_an_error_rate_that_rises_is_worse():
    (effect,) = effects_of(observed(RISING, [100.0 - score for score in FALLING], higher_is_better=False), name="ter")
    assert "validation ter got worse: it rose from 75.00 to 81.00" in str(effect)


@pytest.mark.parametrize(
    ("rewards", "scores"),
    [
        pytest.param(RISING, sorted(FALLING), id="both rise"),
        pytest.param(RISING[::-1], FALLING, id="both fall"),
        pytest.param(RISING, [20.0, 20.9, 20.4, 20.1, 20.5, 20.0], id="less than a point"),
        pytest.param(RISING, [20.0, 26.0, 21.0, 25.0, 20.0, 22.0], id="a noisy metric"),
        pytest.param([0.1, 0.3, 0.1, 0.3, 0.1, 0.32], FALLING, id="a noisy reward"),
        pytest.param(RISING[:2], FALLING[1:3], id="two reports"),
        pytest.param([None] * 6, FALLING, id="no reward"),
    ],
)
def test_any_other_development_is_no_effect(rewards, scores):
    assert effects_of(observed(rewards, scores)) == ()


def test_reports_before_another_reward_do_not_count():
    before = observed(RISING, FALLING)
    before.loc[:3, "metric"] = "edit"
    assert effects_of(before) == ()


def test_a_trial_that_diverged_does_not_count():
    assert effects_of(observed(RISING, FALLING, status="diverged")) == ()


def test_every_metric_is_looked_at_and_the_largest_fall_is_first():
    observations = observed(RISING, FALLING)
    other = measured_score(observations, "chrf")
    other["score"] = other["objective"] = 2.0 * np.array(FALLING)
    steady = measured_score(observations, "ter").assign(score=50.0, objective=-50.0)
    found = reward_effects(observations, pd.concat([measured_score(observations, "rouge"), other, steady]))
    assert [effect.metric for effect in found] == ["chrf", "rouge"]


def test_columns_that_older_folders_lack_are_left_out_of_the_sentence():
    (effect,) = effects_of(observed(RISING, FALLING, length_ratio=None, cut_hypotheses=None))
    assert str(effect).endswith("from 25.00 to 19.00")


def test_at_most_three_lines_name_an_effect():
    found = effects_of(*(observed(RISING, FALLING, trial=f"spg-s{seed}") for seed in range(5)))
    lines = effect_lines(found)
    assert [line.split(":")[0] for line in lines] == ["warning"] * 4
    assert lines[-1] == "warning: 2 more rewards rose while a metric got worse"
    assert effect_lines(()) == []


def test_the_report_escapes_what_it_warns_of():
    assert reward_caution(["warning: a < b"]) == '<p class="summary caution">warning: a &lt; b</p>'
    assert reward_caution([]) == ""
