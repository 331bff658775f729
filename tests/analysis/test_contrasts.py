import numpy as np
import pandas as pd
import pytest

from erpo_explore.analysis import contrasts
from erpo_explore.analysis.contrasts import algorithm_contrasts, best_reports, searched_contrasts, verdict
from erpo_explore.stats.bootstrap import CorpusStatistics, Resamples, paired_bootstrap
from erpo_explore.stats.seeds import confidence_interval, difference, effect_size

NUM_SENTENCES = 80


def sentences_of(reports, **levels):
    """Statistics of each report, around a level of the trial's own."""
    rows = []
    for number, row in enumerate(reports.to_dict("records")):
        level = levels.get(row["trial"], 20.0)
        values = np.random.default_rng(number).normal(level, 4.0, NUM_SENTENCES).clip(0.0, 100.0).astype(np.float32)
        rows.append(row | {"kind": "mean", "num_sentences": NUM_SENTENCES, "values": values})
    return pd.DataFrame(rows)


NONE = pd.DataFrame(columns=["trial", "iteration", "kind", "num_sentences", "values"])


def test_the_leader_has_the_best_mean_and_differences_match_the_t_test(observations):
    table = algorithm_contrasts(observations, NONE, np.random.default_rng(0)).set_index("algorithm")
    assert table.index.tolist() == ["raml", "mle", "policy_gradient"]
    expected = difference({1: 22.0, 2: 22.5}, {1: 20.0, 2: 21.0})
    assert table.loc["mle", "difference"] == pytest.approx(expected.mean)
    assert table.loc["mle", "seeds_p_value"] == pytest.approx(expected.p_value)
    assert table.loc["mle", "effect_size"] == pytest.approx(effect_size([22.0, 22.5], [20.0, 21.0]))
    assert table["sentences_p_value"].isna().all()


def test_the_best_searched_trial_is_never_significant_with_one_seed(observations):
    reports = best_reports(observations)
    sentences = sentences_of(reports, run_m2=60.0)
    table = searched_contrasts(observations, sentences, np.random.default_rng(0))
    assert table["algorithm"].tolist()[0] == "run_m2"
    row = table.set_index("algorithm").loc["mle"]
    assert row["sentences_p_value"] < 0.01
    assert verdict(row.to_dict()) == "too few seeds to tell"


def test_sentences_are_compared_as_the_paired_bootstrap_does(observations):
    one_seed = observations[observations["seed"] == 1]
    sentences = sentences_of(best_reports(one_seed))
    table = algorithm_contrasts(one_seed, sentences, np.random.default_rng(7)).set_index("algorithm")
    by_trial = {
        row["trial"]: CorpusStatistics(kind="mean", values_ND=row["values"].reshape(NUM_SENTENCES, -1))
        for row in sentences.to_dict("records")
    }
    expected = paired_bootstrap(
        by_trial["run_raml_1"], by_trial["run_mle_1"], Resamples.draw(NUM_SENTENCES, np.random.default_rng(7))
    )
    assert table.loc["mle", "sentences_p_value"] == pytest.approx(expected.p_value)


def test_best_reports_are_of_the_best_trial_and_the_named_algorithms(observations):
    reports = best_reports(observations)
    assert set(reports["trial"]) == {"run_m2", *(observations.dropna(subset="algorithm")["trial"])}
    assert set(reports["iteration"]) == {5}


def test_algorithms_with_very_many_reports_are_not_read(observations, monkeypatch):
    monkeypatch.setattr(contrasts, "MAX_REPORTS", 12)  # the two seeds of raml have ten
    assert set(best_reports(observations)["trial"]) == {"run_m2", "run_raml_1", "run_raml_2"}


def test_validation_sets_of_other_sizes_are_not_mixed(observations):
    sentences = sentences_of(best_reports(observations))
    shorter = sentences[sentences["trial"] == "run_mle_1"].assign(num_sentences=3, values=[np.ones(3, np.float32)])
    mixed = pd.concat([sentences[sentences["trial"] != "run_mle_1"], shorter], ignore_index=True)
    table = algorithm_contrasts(observations, mixed, np.random.default_rng(0)).set_index("algorithm")
    assert np.isnan(table.loc["mle", "sentences_p_value"])
    assert table.loc["policy_gradient", "sentences_p_value"] <= 1.0


@pytest.mark.parametrize("chosen", [["mle"], []])
def test_fewer_than_two_baselines_are_not_compared(observations, chosen):
    few = observations[observations["algorithm"].isin(chosen) | observations["algorithm"].isna()]
    assert algorithm_contrasts(few, NONE, np.random.default_rng(0)).empty


def test_no_searched_contrasts_where_a_named_algorithm_is_best(observations):
    baselines = observations[observations["algorithm"].notna()]
    assert searched_contrasts(baselines, NONE, np.random.default_rng(0)).empty


def test_hedges_g_is_the_difference_in_standard_deviations_less_its_bias():
    first, second = [5.0, 7.0, 9.0, 6.0], [1.0, 2.0, 4.0]
    variances = (3 * confidence_interval(first).sd ** 2 + 2 * confidence_interval(second).sd ** 2) / 5
    unbiased = 1 - 3 / (4 * 7 - 9)
    expected = unbiased * (np.mean(first) - np.mean(second)) / np.sqrt(variances)
    assert effect_size(first, second) == pytest.approx(expected)
    assert effect_size(second, first) == pytest.approx(-expected)


@pytest.mark.parametrize(("first", "second"), [([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_without_spread_there_is_no_effect_size(first, second):
    assert effect_size(first, second) is None
