import pandas as pd
import pytest

from erpo_explore.analysis.importance import Importances
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.trial_table import trial_table
from erpo_explore.report.figures.trials import importance_figure, parallel_figure, pareto_figure


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_each_trial_is_a_marker_at_its_cost_and_the_pareto_set_a_line(observations):
    figure = pareto_figure(trial_table(observations), observations)
    assert (
        len(named(figure, "searched").x) + len(named(figure, "named algorithms").x) == observations["trial"].nunique()
    )
    front = pareto_set(observations)
    assert list(named(figure, "Pareto front").y) == front["score"].tolist()


def test_each_trial_is_a_line_across_the_axes_and_the_best_is_thick(observations):
    trials = trial_table(observations)
    figure = parallel_figure(trials)
    axes = figure.layout.xaxis.ticktext
    lines = sum(list(trace.x).count(None) for trace in figure.data if trace.hovertext)
    assert lines == len(trials)
    best = named(figure, "best: run_m2")
    assert (best.line.width, best.y[len(axes) - 1]) == (4, 1.0)


def test_a_line_skips_an_axis_on_which_the_trial_has_no_value(observations):
    observations.loc[observations["algorithm"] == "raml", "reward_temperature"] = 0.1
    observations.loc[observations["algorithm"] == "policy_gradient", "reward_temperature"] = 0.5
    figure = parallel_figure(trial_table(observations))
    axis = figure.layout.xaxis.ticktext.index("τ of R")
    assert axis not in named(figure, "best: run_m2").x
    assert sum(list(trace.x).count(axis) for trace in figure.data if trace.hovertext) == 4


@pytest.mark.parametrize("trial", ["run_mle_1", "run_policy_gradient_1", "run_random_0"])
def test_one_trial_is_enough_to_draw(observations, trial):
    one = observations[observations["trial"] == trial]
    assert parallel_figure(trial_table(one)).data
    assert pareto_figure(trial_table(one), one).data


def test_markup_in_names_stays_text(observations):
    hostile = observations.replace({"trial": {"run_m2": "<img src=x>"}, "metric": {"bleu": "<img src=x>"}})
    trials = trial_table(hostile)
    for figure in (parallel_figure(trials), pareto_figure(trials, hostile)):
        assert "<img" not in figure.to_json().replace("\\u003c", "<")


def test_bars_have_their_intervals_and_the_most_important_is_on_top():
    table = pd.DataFrame(
        {"coordinate": ["rho", "log10_tau"], "importance": [0.5, 0.1], "low": [0.4, -0.1], "high": [0.7, 0.2]}
    )
    bars = importance_figure(Importances(table=table, r_squared=0.8, num_points=20)).data[0]
    assert list(bars.y) == ["τ", "ρ"]
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.2])
    assert list(bars.error_x.arrayminus) == pytest.approx([0.2, 0.1])
