import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.analysis.landscape import (
    GRID,
    SUBDIVISIONS,
    has_map,
    map_snapshots,
    simplex_surface,
    temperature_surface,
)
from erpo_explore.analysis.simplex import CORNERS, cells, centres, corner_of, plane_positions, within
from erpo_explore.analysis.snapshots import snapshot_steps, snapshots


def test_a_snapshot_has_each_trials_last_report_since_the_one_before(observations):
    by_step = map_snapshots(observations, max_count=2)
    assert list(by_step) == [100, 500]
    assert len(by_step[100]) == observations["trial"].nunique()
    assert set(by_step[500]["step"]) == {500}
    assert by_step[500].set_index("trial").loc["run_m2", "score"] == 24.5


def test_a_trial_that_ended_earlier_is_not_in_a_later_snapshot(observations):
    by_step = map_snapshots(observations)
    assert "run_random_0" in set(by_step[100]["trial"])
    assert all("run_random_0" not in set(points["trial"]) for step, points in by_step.items() if step > 100)


def test_snapshot_steps_are_reported_and_rise_to_the_last(observations):
    steps = observations["step"]
    for max_count in (1, 2, 3, 9):
        found = snapshot_steps(steps, max_count=max_count)
        assert found == sorted(set(found))
        assert set(found) <= set(steps)
        assert len(found) <= max_count


def test_snapshots_do_not_depend_on_the_order_of_reports(observations):
    points = observations[["trial", "step"]].sample(frac=1.0, random_state=3)
    found = snapshots(points, [200, 500])
    assert [set(each["step"]) for each in found] == [{200}, {500}]


def test_the_small_triangles_tile_the_large_one():
    corners_M32 = np.stack([plane_positions(cells(SUBDIVISIONS)[:, corner]) for corner in range(3)], axis=1)
    first, second = corners_M32[:, 1] - corners_M32[:, 0], corners_M32[:, 2] - corners_M32[:, 0]
    areas_M = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    assert areas_M == pytest.approx(np.full(SUBDIVISIONS**2, math.sqrt(3) / 4 / SUBDIVISIONS**2))
    assert len(np.unique(centres(SUBDIVISIONS).round(9), axis=0)) == SUBDIVISIONS**2


def test_corners_are_one_apart():
    corners = plane_positions(np.eye(3))
    assert [np.linalg.norm(corners[one] - corners[one - 1]) for one in range(3)] == pytest.approx([1.0] * 3)


def test_the_surface_over_temperature_is_a_grid_at_each_moment(observations):
    surface = temperature_surface(map_snapshots(observations))
    assert surface.groupby("step").size().tolist() == [GRID[0] * GRID[1]] * 5
    assert np.isfinite(surface[["rho", "log10_tau", "mean", "sd"]].to_numpy(dtype=float)).all()
    assert surface["log10_tau"].max() < 1.0  # policy gradient's infinite one has no position on it


def test_the_surface_over_the_simplex_rises_toward_better_points(observations):
    by_step = map_snapshots(observations)
    last = simplex_surface(by_step).query("step == 500")
    corners = ["model", "truth", "task_noise"]

    def expected(trial):
        position = by_step[500].set_index("trial").loc[trial, corners].to_numpy(dtype=float)
        return last["mean"].to_numpy()[np.linalg.norm(last[corners].to_numpy(dtype=float) - position, axis=1).argmin()]

    assert expected("run_m2") > expected("run_mle_1") > expected("run_raml_1")


def test_policy_gradient_alone_has_no_surface_over_temperature(observations):
    alone = observations[observations["algorithm"] == "policy_gradient"]
    assert temperature_surface(map_snapshots(alone)).empty


def test_one_point_has_no_surface(observations):
    assert simplex_surface(map_snapshots(observations[observations["algorithm"] == "mle"])).empty


@given(st.lists(st.tuples(*[st.floats(0.01, 1.0)] * 3), min_size=1, max_size=5))
def test_the_corner_holds_every_trial(written):
    shares = np.array(written) / np.sum(written, axis=1, keepdims=True)
    low = corner_of(shares)
    assert (shares >= low).all()
    assert low.sum() == 0.0 or 0.0 < 1.0 - low.sum() <= 0.81


def test_the_corners_of_a_part_are_its_lowest_shares_plus_its_side():
    low = np.array([0.0, 0.8, 0.1])
    assert within(low, np.eye(3)) == pytest.approx(np.array([[0.1, 0.8, 0.1], [0.0, 0.9, 0.1], [0.0, 0.8, 0.2]]))


def test_a_surface_near_a_corner_lies_within_its_triangle(observations):
    low = np.array([0.0, 0.6, 0.0])
    surface = simplex_surface(map_snapshots(observations), low)
    assert (surface["truth"] > 0.6).all()


def test_a_map_needs_two_positions(observations):
    mle = observations[observations["algorithm"] == "mle"]
    assert not has_map(mle, CORNERS)
    assert not has_map(mle, ("rho", "log10_tau"))
    assert has_map(observations, CORNERS)
