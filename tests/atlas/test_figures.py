import math

import pytest

from erpo_explore.atlas.lineage import walked
from erpo_explore.atlas.lineage_figures import lineage_figure, short_names
from erpo_explore.atlas.map_figures import simplex_map, temperature_map
from erpo_explore.atlas.run_figures import path_figure, score_figure


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_every_trial_has_a_line_and_the_best_is_the_thickest(observations):
    figure = score_figure(observations)
    lines = [trace for trace in figure.data if trace.line.width]
    assert len(lines) == observations["trial"].nunique()
    assert max(lines, key=lambda trace: trace.line.width).name == "best: member"


def test_dots_are_solid_and_members_dotted(observations):
    figure = score_figure(observations)
    assert {trace.line.dash for trace in named(figure, "raml")} == {"solid"}
    assert {trace.line.dash for trace in named(figure, "member")} == {"dot"}


def test_a_diverged_run_is_marked_where_it_ended(observations):
    cross = named(score_figure(observations), "diverged or failed")[0]
    assert (list(cross.x), list(cross.y)) == ([200], [3.0])


def test_infinite_temperature_is_drawn_at_a_place_named_infinity(observations):
    figure = temperature_map(observations)
    place = figure.layout.yaxis.tickvals[figure.layout.yaxis.ticktext.index("∞")]
    assert place in figure.data[1].y
    assert all(math.isfinite(value) for trace in figure.data for value in trace.y)


def test_without_policy_gradient_no_infinity_is_shown(observations):
    figure = temperature_map(observations[observations["dot"] != "policy_gradient"])
    assert "∞" not in figure.layout.yaxis.ticktext


def test_only_infinite_temperatures_can_still_be_drawn(observations):
    figure = temperature_map(observations[observations["dot"] == "policy_gradient"])
    assert "∞" in figure.layout.yaxis.ticktext


def test_dots_on_a_corner_are_named_at_the_corner(observations):
    ternary = simplex_map(observations).layout.ternary
    assert ternary.baxis.title.text == "<b>truth</b><br>mle 21.0"
    assert ternary.caxis.title.text == "<b>task + noise</b><br>raml 22.5<br>policy_gradient 15.0"


@pytest.mark.parametrize("draw", [simplex_map, temperature_map, score_figure])
def test_markup_in_a_dots_name_stays_text(observations, draw):
    hostile = observations.replace({"dot": {"raml": "<a href='javascript:alert(1)'>raml</a>"}})
    assert "<a href" not in draw(hostile).to_json().replace("\\u003c", "<")


@pytest.mark.parametrize("draw", [simplex_map, temperature_map, score_figure])
def test_one_report_is_enough_to_draw(observations, draw):
    assert draw(observations[observations["trial"] == "run_random_0"].head(1)).data


def test_each_clone_has_an_arrow_that_ends_at_the_replaced_member(lineage):
    arrows = lineage_figure(lineage).layout.annotations
    assert sorted((arrow.x, arrow.y) for arrow in arrows) == [(200, 0), (400, 1)]


def test_the_way_of_the_best_is_drawn_thick_across_its_clone(lineage):
    way = named(lineage_figure(lineage, ("run_m2", 4)), "way of the best")[0]
    assert list(way.y)[-3:] == [2, 1, None]


def test_starts_without_a_score_are_hollow(lineage):
    symbols = [trace.marker.symbol for trace in lineage_figure(lineage).data if trace.mode == "markers"]
    assert symbols == ["circle-open", None]


def test_the_path_stacks_the_four_weights_to_one(observations, lineage):
    figure = path_figure(walked(observations, lineage, "run_m2", 5))
    weights = [trace.y for trace in figure.data if trace.stackgroup]
    assert [sum(at) for at in zip(*weights, strict=True)] == pytest.approx([1.0] * 5)


def test_an_infinite_temperature_leaves_a_gap_in_the_path(observations, lineage):
    figure = path_figure(walked(observations, lineage, "run_policy_gradient_1", 5))
    assert list(figure.data[-1].y) == [None] * 5


@pytest.mark.parametrize(
    ("trials", "names"),
    [
        (["run_a", "run_b"], ["a", "b"]),
        (["pba_0001", "pba_0002"], ["0001", "0002"]),
        (["run_a"], ["run_a"]),
        (["x", "y"], ["x", "y"]),
    ],
)
def test_short_names_drop_only_what_all_share(trials, names):
    assert list(short_names(trials).values()) == names


def test_a_constant_reward_alone_leaves_the_simplex_empty(observations):
    constant = observations[observations["dot"] == "raml"].assign(reward_task=0.0)
    assert [list(trace.a) for trace in simplex_map(constant).data] == [[], [], []]
