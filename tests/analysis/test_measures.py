"""Every metric side by side, of each trial's best report by the metric that decides."""

import pandas as pd
import pytest

from erpo_explore.analysis.measures import measure_curves, measure_table, metric_names, validation_measures
from erpo_explore.report.figures.measures import measures_figure
from erpo_explore.report.sections import measures_section
from tests.example_exploration import POINTS, observation

OBSERVATIONS = pd.DataFrame(
    [
        observation(
            f"{name}-s{seed}", iteration, 100 * iteration, score, **POINTS["mle"], algorithm=name, role="algorithm"
        )
        for name, rows in {"mle": {1: [20.0, 30.0], 2: [22.0, 21.0]}, "raml": {1: [40.0, 10.0]}}.items()
        for seed, scores in rows.items()
        for iteration, score in enumerate(scores, start=1)
    ]
)


def measure(row, metric, score, *, higher_is_better=True, split="validation"):
    keys = {name: row[name] for name in ("trial", "iteration", "step")}
    return keys | {
        "split": split,
        "metric": metric,
        "score": score,
        "higher_is_better": higher_is_better,
        "signature": metric.upper(),
    }


MEASURES = pd.DataFrame(
    [measure(row, "bleu", row["score"]) for row in OBSERVATIONS.to_dict("records")]
    + [measure(row, "a rate", 90.0 - row["score"], higher_is_better=False) for row in OBSERVATIONS.to_dict("records")]
    + [
        measure(row, "a rate", 1.5, higher_is_better=False, split="test")
        for row in OBSERVATIONS.to_dict("records")[1::2]
    ]
)


def test_the_metric_that_decides_comes_first():
    assert metric_names(MEASURES, "bleu") == ["bleu", "a rate"]


def test_means_are_those_of_the_best_reports():
    table = measure_table(MEASURES, OBSERVATIONS).set_index(["label", "metric"])
    assert table["mean"].to_dict() == {
        ("raml", "bleu"): 40.0,
        ("raml", "a rate"): 50.0,
        ("mle", "bleu"): 26.0,
        ("mle", "a rate"): 64.0,
    }
    assert table.loc[("mle", "bleu"), "n"] == 2


def test_the_test_set_counts_with_the_report_that_decoded_it():
    table = measure_table(MEASURES, OBSERVATIONS, "test").set_index(["label", "metric"])
    assert table["mean"].to_dict() == {("raml", "a rate"): 1.5, ("mle", "a rate"): 1.5}


def test_curves_are_means_over_seeds():
    curves = measure_curves(MEASURES, OBSERVATIONS).set_index(["metric", "label", "step"])["mean"]
    assert curves[("bleu", "mle", 100)] == 21.0
    assert curves[("a rate", "mle", 200)] == pytest.approx(90.0 - 25.5)


def test_an_older_folder_has_the_score_alone():
    found = validation_measures(MEASURES.head(0), OBSERVATIONS, "bleu")
    assert set(found["metric"]) == {"bleu"}


def test_a_rate_is_an_objective_with_its_sign_turned():
    found = validation_measures(MEASURES, OBSERVATIONS, "bleu")
    rates = found[found["metric"] == "a rate"]
    assert (rates["objective"] == -rates["score"]).all()


def test_the_section_names_directions_signatures_and_values():
    html = measures_section(MEASURES, OBSERVATIONS, "bleu")
    for text in ("bleu ↑", "a rate ↓", "26.00", "64.00", "Test set", "A RATE; BLEU"):
        assert text in html
    assert measures_section(MEASURES[MEASURES["metric"] == "bleu"], OBSERVATIONS, "bleu") == ""


def test_the_figure_has_a_panel_per_metric_and_a_line_per_algorithm():
    figure = measures_figure(MEASURES, OBSERVATIONS, "bleu")
    assert [title.text for title in figure.layout.annotations] == ["bleu ↑", "a rate ↓"]
    assert sorted({trace.name for trace in figure.data}) == ["mle", "raml"]
    assert len(figure.data) == 4
