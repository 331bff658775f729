import numpy as np

from erpo_explore.analysis.points import map_points
from erpo_explore.report.figures.markers import group_markers, join_labels


def test_algorithms_at_one_corner_share_a_marker_with_all_names(observations):
    spots = group_markers(map_points(observations), ["model", "truth", "task"])
    corner = spots[spots["task"] == 1.0].iloc[0]
    assert corner["names"] == (("raml", 22.5), ("policy_gradient", 15.0))
    assert (corner["score"], corner["trials"], corner["named"]) == (22.5, 5, True)


def test_a_member_has_its_own_marker_without_a_name(observations):
    spots = group_markers(map_points(observations), ["model", "truth", "task"])
    alone = spots[~spots["named"]]
    assert len(alone) == 4
    assert set(alone["names"]) == {()}


def test_points_without_coordinates_are_left_out(observations):
    points = map_points(observations)
    points.loc[points["algorithm"] == "mle", "truth"] = np.nan
    assert "mle" not in str(group_markers(points, ["model", "truth", "task"])["names"].tolist())


def test_labels_that_would_overlap_become_one(observations):
    points = map_points(observations)
    points = points[points["algorithm"].isin(["mle", "raml"])]
    spots = group_markers(points, ["rho", "log10_tau"])
    joined = join_labels(spots, "rho", "log10_tau", (0.1, 1.0))
    assert joined["names"].tolist() == [(("raml", 22.5), ("mle", 21.0))]
    assert len(join_labels(spots, "rho", "log10_tau", (0.1, 0.1))) == 2


def test_an_algorithm_with_neighbouring_seeds_is_named_once(observations):
    points = map_points(observations[observations["algorithm"] == "raml"])
    points.loc[points["seed"] == 1, "rho"] = 0.05
    spots = group_markers(points, ["rho", "log10_tau"])
    assert len(spots) == 2
    assert join_labels(spots, "rho", "log10_tau", (0.1, 0.1))["names"].tolist() == [(("raml", 22.5),)]
