import json
import math

import pandas as pd
import pytest

from erpo_explore.analysis.lineage import path_so_far
from erpo_explore.report.figures.lineage import lineage_figure, short_names
from erpo_explore.report.figures.map import simplex_map, temperature_map
from erpo_explore.report.figures.run import path_figure, score_figure
from erpo_explore.report.figures.theme import BEST_COLOR


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_baselines_have_a_curve_and_searched_trials_a_line_and_the_best_is_the_thickest(observations):
    lines = [trace for trace in score_figure(observations).data if trace.line.width]
    searched = observations[observations["algorithm"].isna()]["trial"].nunique()
    assert len(lines) == searched + observations["algorithm"].nunique()
    assert max(lines, key=lambda trace: trace.line.width).name == "best: member"


def test_a_band_surrounds_the_mean_over_seeds_and_leaves_the_axis_alone(observations):
    figure = score_figure(observations)
    band, curve = named(figure, "mle: band")[0], named(figure, "mle")[0]
    assert list(band.x) == [*curve.x, *curve.x[::-1]]
    assert list(curve.y) == [14.5, 16.0, 17.5, 19.0, 20.5]
    assert [(high + low) / 2 for high, low in zip(band.y[:5], band.y[:4:-1], strict=True)] == pytest.approx(curve.y)
    low, high = figure.layout.yaxis.range
    scores = observations["score"].dropna()
    assert low < scores.min() < scores.max() < high < max(band.y)


def test_one_seed_has_no_band(observations):
    assert named(score_figure(observations[observations["seed"] == 1]), "mle: band") == []


def test_baselines_are_solid_and_members_dotted(observations):
    figure = score_figure(observations)
    assert {trace.line.dash for trace in named(figure, "raml")} == {"solid"}
    assert {trace.line.dash for trace in named(figure, "member")} == {"dot"}


def test_a_diverged_run_is_marked_where_it_ended(observations):
    cross = named(score_figure(observations), "diverged or failed")[0]
    assert (list(cross.x), list(cross.y)) == ([200], [3.0])


def test_infinite_temperature_is_drawn_at_a_position_labelled_infinity(observations):
    figure = temperature_map(observations)
    height = figure.layout.yaxis.tickvals[figure.layout.yaxis.ticktext.index("∞")]
    marks = next(trace for trace in figure.data if trace.type == "scatter" and trace.hovertext)
    assert height in marks.y
    shown = [value for trace in figure.data if trace.type == "scatter" for value in trace.y if value is not None]
    assert not any(math.isinf(value) for value in shown)


def test_without_policy_gradient_no_infinity_is_shown(observations):
    figure = temperature_map(observations[observations["algorithm"] != "policy_gradient"])
    assert "∞" not in figure.layout.yaxis.ticktext


def test_only_infinite_temperatures_can_still_be_drawn(observations):
    figure = temperature_map(observations[observations["algorithm"] == "policy_gradient"])
    assert "∞" in figure.layout.yaxis.ticktext


def test_baselines_on_a_corner_are_named_at_the_corner(observations):
    ternary = simplex_map(observations).layout.ternary
    assert ternary.baxis.title.text == "<b>truth</b><br>mle 21.0"
    assert ternary.caxis.title.text == "<b>task + noise</b><br>raml 22.5<br>policy_gradient 15.0"


@pytest.mark.parametrize("draw", [simplex_map, temperature_map, score_figure])
def test_markup_in_a_baselines_name_stays_text(observations, draw):
    hostile = observations.replace({"algorithm": {"raml": "<a href='javascript:alert(1)'>raml</a>"}})
    assert "<a href" not in draw(hostile).to_json().replace("\\u003c", "<")


def test_without_a_position_for_any_trial_the_plane_is_empty(observations):
    assert temperature_map(observations.assign(tau=0.0)).data


def test_of_many_algorithms_at_a_position_the_best_are_named(observations):
    many = pd.concat(
        [
            observations[observations["trial"] == "run_mle_1"].assign(algorithm=f"algorithm{n}", trial=f"t{n}")
            for n in range(9)
        ]
    )
    assert simplex_map(many).layout.ternary.baxis.title.text.endswith("<br>and 3 more")


@pytest.mark.parametrize("draw", [simplex_map, temperature_map, score_figure])
def test_one_report_is_enough_to_draw(observations, draw):
    assert draw(observations[observations["trial"] == "run_random_0"].head(1)).data


def test_each_clone_has_an_arrow_that_ends_at_the_replaced_member(lineage):
    arrows = named(lineage_figure(lineage), "clones")[0]
    heads = [(x, y) for x, y, size in zip(arrows.x, arrows.y, arrows.marker.size, strict=True) if size]
    assert sorted(heads) == [(200, 0), (400, 1)]
    assert [score for score, size in zip(arrows.marker.color, arrows.marker.size, strict=True) if size] == [14.0, 22.0]


def test_a_clone_of_a_baseline_which_has_no_lane_has_no_arrow(lineage):
    first = lineage.index[lineage["action"] == "clone"][0]
    lineage.loc[first, "donor"] = "run_mle"
    assert len(named(lineage_figure(lineage), "clones")[0].x) == 3


def test_the_ancestry_of_the_best_is_thick_across_its_clone(lineage):
    rows = named(lineage_figure(lineage, ("run_m2", 4)), "path of the best")[0]
    assert list(rows.y)[-3:] == [2, 1, None]


def test_starts_without_a_score_are_hollow(lineage):
    symbols = [trace.marker.symbol for trace in lineage_figure(lineage).data if trace.mode == "markers"]
    assert symbols == ["circle-open", None]


def test_members_are_in_natural_order(lineage):
    renamed = lineage.replace({"trial": {"run_m1": "run_m10"}, "donor": {"run_m1": "run_m10"}})
    assert lineage_figure(renamed).layout.yaxis.ticktext == ("m0", "m2", "m3", "m10")


def test_of_many_decisions_clones_and_the_ancestry_of_the_best_stay(lineage, monkeypatch):
    monkeypatch.setattr("erpo_explore.report.figures.lineage.MAX_NODES", 8)
    figure = lineage_figure(lineage, ("run_m2", 4))
    markers = sum(len(trace.x) for trace in figure.data if trace.mode == "markers")
    assert markers == 8
    assert len(named(figure, "clones")[0].x) == 3  # of the other clone the donor is not shown
    assert list(named(figure, "path of the best")[0].y)[-3:] == [2, 1, None]


def test_the_path_stacks_the_four_weights_to_one(observations, lineage):
    figure = path_figure(path_so_far(observations, lineage, "run_m2", 5))
    weights = [trace.y for trace in figure.data if trace.stackgroup]
    assert [sum(at) for at in zip(*weights, strict=True)] == pytest.approx([1.0] * 5)


def test_an_infinite_temperature_leaves_a_gap_in_the_path(observations, lineage):
    figure = path_figure(path_so_far(observations, lineage, "run_policy_gradient_1", 5))
    assert list(figure.data[-1].y) == [None] * 5


def test_a_path_is_level_until_it_jumps_to_an_infinite_temperature_and_back(observations, lineage):
    rows = path_so_far(observations, lineage, "run_m2", 5)
    candidate = {"estimator": "sequence", "tau": float("inf"), "reward_truth": 0.0, "reward_task": 1.0}
    rows.loc[3, list(candidate)] = list(candidate.values())
    truth = next(trace for trace in path_figure(rows).data if trace.name == "truth")
    at, share = rows["progress"].tolist(), rows["reward_truth"].tolist()
    assert list(truth.x) == [*at[:3], at[3], at[3], at[4], at[4]]
    assert list(truth.y) == [*share[:3], share[2], 0.0, 0.0, share[4]]


@pytest.mark.parametrize(
    ("trials", "names"),
    [
        (["run_a", "run_b"], ["a", "b"]),
        (["pba_0001", "pba_0002"], ["0001", "0002"]),
        (["run_a"], ["run_a"]),
        (["x", "y"], ["x", "y"]),
    ],
)
def test_short_names_drop_only_the_common_prefix(trials, names):
    assert list(short_names(trials).values()) == names


def test_a_constant_reward_alone_leaves_the_simplex_empty(observations):
    constant = observations[observations["algorithm"] == "raml"].assign(reward_task=0.0)
    assert not any(value is not None for trace in simplex_map(constant).data for value in trace.a)


@pytest.mark.parametrize("draw", [simplex_map, temperature_map])
def test_the_slider_has_one_snapshot_per_report_and_shows_the_last(observations, draw):
    figure = draw(observations)
    slider = figure.layout.sliders[0]
    assert [step.label for step in slider.steps] == [frame.name for frame in figure.frames]
    assert [frame.name for frame in figure.frames] == ["100", "200", "300", "400", "500"]
    assert slider.active == 4
    spec = json.loads(figure.to_json())
    last = spec["frames"][-1]
    shown = [spec["data"][number] for number in last["traces"]]
    assert [{key: value for key, value in trace.items() if key != "visible"} for trace in shown] == last["data"]


@pytest.mark.parametrize("draw", [simplex_map, temperature_map])
def test_the_switch_shows_score_or_uncertainty_and_keeps_trials_and_labels(observations, draw):
    figure = draw(observations)
    score, uncertainty = (button.args for button in figure.layout.updatemenus[0].buttons)
    assert score[1] == uncertainty[1]
    assert [not visible for visible in score[0]["visible"]] == uncertainty[0]["visible"]
    marks = [number for number, trace in enumerate(figure.data) if "text" in trace and trace.text]
    assert not set(marks) & set(score[1])


def test_the_best_trajectory_is_drawn_across_its_clone(observations, lineage):
    rows = path_so_far(observations, lineage, "run_m2", 5)
    line = next(trace for trace in temperature_map(observations, rows).data if trace.line.color == BEST_COLOR)
    assert list(line.x) == rows["rho"].round(4).tolist()
    assert set(rows["trial"]) == {"run_m1", "run_m2"}


def test_where_all_trials_lie_near_a_corner_the_triangle_is_that_corner(observations):
    near = observations[observations["algorithm"] == "mle"].copy()
    near["reward_truth"], near["reward_model"] = 1.0 - 0.02 * near["seed"], 0.02 * near["seed"]
    ternary = simplex_map(near).layout.ternary
    assert (ternary.aaxis.min, ternary.baxis.min, ternary.caxis.min) == (0.0, 0.9, 0.0)
    assert ternary.baxis.tickvals == (0.92, 0.94, 0.96, 0.98)


def test_trials_at_two_corners_show_the_whole_triangle(observations):
    ternary = simplex_map(observations).layout.ternary
    assert (ternary.aaxis.min, ternary.baxis.min, ternary.caxis.min) == (0.0, 0.0, 0.0)
