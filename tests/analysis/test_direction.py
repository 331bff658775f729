"""Where less is better, every ranking is that of the mirrored scores, and the words are the same.

Each exploration is turned into one of an error rate, `100 − score`, whose objective is its negative.
"""

import numpy as np
import pandas as pd
import pytest

from erpo_explore.analysis.contrasts import algorithm_contrasts, best_reports, searched_contrasts
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.points import comparison, higher_is_better, point_table
from erpo_explore.analysis.replay import replay_table
from erpo_explore.analysis.runs import Runs
from erpo_explore.analysis.trial_table import trial_table
from erpo_explore.analysis.verdict import find_verdict
from erpo_explore.report.figures.markers import group_markers
from erpo_explore.report.figures.surface_traces import score_span
from erpo_explore.report.figures.trajectories import trajectories
from erpo_explore.report.figures.trials import pareto_figure
from erpo_explore.report.summary import summary_sentence
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import best_row

NONE = pd.DataFrame(columns=["trial", "iteration", "kind", "num_sentences", "values"])


@pytest.fixture
def errors(observations):
    """The observations, with an error rate in the place of the score."""
    rate = 100.0 - observations["score"]
    return observations.assign(score=rate, objective=-rate)


def test_the_direction_is_that_of_the_objective(observations, errors) -> None:
    assert (higher_is_better(observations), higher_is_better(errors)) == (True, False)


@pytest.mark.parametrize("table", [point_table, pareto_set, trial_table, best_reports])
def test_trials_have_the_same_ranks(observations, errors, table) -> None:
    assert table(errors)["trial"].tolist() == table(observations)["trial"].tolist()


def test_the_best_row_has_the_lowest_rate(observations, errors) -> None:
    best = best_row(errors)
    assert best["score"] == 100.0 - best_row(observations)["score"]
    assert best["trial"] == best_row(observations)["trial"]


def test_algorithms_have_the_same_ranks_and_mirrored_means(observations, errors) -> None:
    more, less = comparison(observations), comparison(errors)
    assert less["label"].tolist() == more["label"].tolist()
    assert less["mean"].tolist() == pytest.approx((100.0 - more["mean"]).tolist())
    assert less["best"].tolist() == pytest.approx((100.0 - more["best"]).tolist())


@pytest.mark.parametrize("contrasts", [algorithm_contrasts, searched_contrasts])
def test_contrasts_have_the_same_leader_verdicts_and_opposite_differences(observations, errors, contrasts) -> None:
    more, less = (contrasts(each, NONE, np.random.default_rng(0)) for each in (observations, errors))
    assert less["algorithm"].tolist() == more["algorithm"].tolist()
    assert less["verdict"].tolist() == more["verdict"].tolist()
    assert less["difference"].dropna().tolist() == pytest.approx((-more["difference"]).dropna().tolist())


def test_the_verdict_is_the_same_with_opposite_differences(observations, errors) -> None:
    more, less = (find_verdict(each, NONE, "m", np.random.default_rng(0)) for each in (observations, errors))
    assert [(lead.algorithm, lead.verdict) for lead in less.leads] == [
        (lead.algorithm, lead.verdict) for lead in more.leads
    ]
    assert [lead.gain for lead in less.leads] == pytest.approx([lead.gain for lead in more.leads])
    assert [lead.difference for lead in less.leads] == pytest.approx([-lead.difference for lead in more.leads])
    assert less.search_leads is more.search_leads


def test_a_replay_beats_what_has_more_errors() -> None:
    rates = {"found": [26.0, 25.8, 26.1, 26.3, 25.9], "worse": [30.0, 30.2, 29.7, 30.4, 30.1]}
    runs = [
        Runs(
            name=name,
            scores=dict(enumerate(each)),
            statistics={
                seed: CorpusStatistics(
                    kind="error_rate", values_ND=np.array([[rate + 0.01 * n, 100.0] for n in range(40)], np.float32)
                )
                for seed, rate in enumerate(each)
            },
            num_unscored=0,
            steps=1.0,
            elapsed_s=1.0,
            tokens_per_s=1.0,
            higher_is_better=False,
        )
        for name, each in rates.items()
    ]
    row = replay_table(runs, "found", np.random.default_rng(0)).iloc[1]
    assert (row["verdict"], row["difference"] < 0.0, row["sentences_p_value"] < 0.05) == ("beats", True, True)
    row = replay_table(runs, "worse", np.random.default_rng(0)).iloc[1]
    assert (row["verdict"], row["difference"] > 0.0) == ("worse", True)


def test_the_summary_names_the_lowest_rate(observations, errors) -> None:
    lowest = f"with error rate {errors['score'][errors['status'] != 'diverged'].min():.2f} at step"
    assert lowest in summary_sentence(errors, "error rate")


def test_the_brightest_colour_is_the_lowest_rate(errors) -> None:
    low, high, more = score_span(errors)
    assert (low, more) == (errors["score"].min(), False)
    assert high < errors["score"].max()


def test_the_marker_of_a_position_has_its_lowest_rate(observations, errors) -> None:
    more, less = (group_markers(each, ["rho"]) for each in (observations, errors))
    assert less["score"].tolist() == (100.0 - more["score"]).tolist()


def test_the_same_trajectories_and_pareto_front_are_drawn(observations, errors) -> None:
    more, less = (trajectories(each) for each in (observations, errors))
    assert less["trial"].tolist()[:-1] == more["trial"].tolist()[:-1]
    more, less = (pareto_figure(trial_table(each), each).data[-1] for each in (observations, errors))
    assert list(less.x) == list(more.x)
    assert list(less.y) == pytest.approx([100.0 - score for score in more.y])
