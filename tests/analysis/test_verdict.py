"""The verdict against scipy's paired t-test, and what it claims where there is too little data."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from erpo_explore.analysis.verdict import find_verdict
from tests.example_exploration import POINTS, observation

NONE = pd.DataFrame(columns=["trial", "iteration", "kind", "num_sentences", "values"])
MLE = [20.0, 20.5, 21.0, 20.2, 20.9]
AHEAD = [21.1, 21.4, 22.2, 21.2, 21.9]
LEVEL = [20.4, 20.2, 21.3, 19.9, 20.9]
BEHIND = [18.9, 19.5, 19.9, 19.3, 19.8]


def rows(name, scores, *, status="finished", **more):
    for seed, score in enumerate(scores, start=1):
        given = POINTS["mle"] | {"metric": None, "tokens_per_s": 1.0, "seed": seed, "status": status} | more
        yield observation(f"{name}-s{seed}", 1, 500, score, **given)


def frame(**scores):
    algorithms = [row for name, each in scores.items() for row in rows(name, each, role="algorithm", algorithm=name)]
    return pd.DataFrame(algorithms)


def verdict_of(observations):
    return find_verdict(observations, NONE, "bleu", np.random.default_rng(0))


def test_difference_interval_and_p_value_are_those_of_the_paired_t_test() -> None:
    (lead,) = verdict_of(frame(mle=MLE, ahead=AHEAD)).leads
    expected = stats.ttest_rel(AHEAD, MLE)
    bounds = expected.confidence_interval(0.95)
    assert lead.difference == pytest.approx(np.mean(AHEAD) - np.mean(MLE))
    assert (lead.low, lead.high) == pytest.approx((bounds.low, bounds.high))
    assert lead.p_value == pytest.approx(expected.pvalue)


def test_p_values_are_corrected_for_the_number_of_algorithms() -> None:
    alone = verdict_of(frame(mle=MLE, ahead=AHEAD)).leads[0].p_value
    among_three = verdict_of(frame(mle=MLE, ahead=AHEAD, level=LEVEL, behind=LEVEL[::-1])).leads[0].p_value
    assert among_three == pytest.approx(3 * alone)


def test_each_algorithm_is_better_worse_or_unclear_the_best_first() -> None:
    verdict = verdict_of(frame(mle=MLE, behind=BEHIND, level=LEVEL, ahead=AHEAD))
    assert [(lead.algorithm, lead.verdict) for lead in verdict.leads] == [
        ("ahead", "better"),
        ("level", "unclear"),
        ("behind", "worse"),
    ]
    assert [lead.algorithm for lead in verdict.better] == ["ahead"]


def test_one_seed_is_never_a_verdict() -> None:
    (lead,) = verdict_of(frame(mle=[20.0], ahead=[40.0])).leads
    assert (lead.verdict, lead.p_value, lead.low) == ("untested", None, None)


def test_without_maximum_likelihood_nothing_is_compared() -> None:
    verdict = verdict_of(frame(ahead=AHEAD, level=LEVEL))
    assert (verdict.baseline_mean, verdict.num_seeds, verdict.leads) == (None, 0, ())


def test_running_trials_are_counted_but_not_compared() -> None:
    running = pd.DataFrame(rows("ahead", AHEAD, role="algorithm", algorithm="ahead", status="running"))
    verdict = verdict_of(pd.concat([frame(mle=MLE, level=LEVEL), running]))
    assert verdict.num_running == 5
    assert [lead.algorithm for lead in verdict.leads] == ["level"]


@pytest.mark.parametrize(("score", "leads"), [(20.5, False), (23.0, True)])
def test_the_search_leads_where_its_best_trial_is_above_every_mean(score, leads) -> None:
    members = pd.DataFrame(rows("member", [19.0, score], role="member"))
    verdict = verdict_of(pd.concat([frame(mle=MLE, ahead=AHEAD), members]))
    assert (verdict.searched.trial, verdict.searched.score, verdict.searched.num_trials) == ("member-s2", score, 2)
    assert verdict.search_leads is leads
