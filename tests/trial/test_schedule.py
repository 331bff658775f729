import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.trial.schedule import ScheduleState

FIRST, SECOND, THIRD = (Point(reward=Reward(truth=1.0 - noise, noise=noise)) for noise in (0.0, 0.25, 0.5))
STEPPED = Path(knots=((0.0, FIRST), (0.5, SECOND), (1.0, THIRD)))
PLATEAU = Path(knots=((0.0, FIRST), (0.5, SECOND), (1.0, THIRD)), clock="plateau")
scores = st.lists(st.floats(0.0, 100.0), max_size=8)


def scores_observed(schedule, *scores, of=8, start=1):
    """Return values for one score after another, at equal shares of the budget."""
    return [schedule.observe_objective(float(score), place / of) for place, score in enumerate(scores, start=start)]


class TestStepClock:
    @pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 0.5 + 1e-9, 1.0])
    def test_the_current_point_is_the_paths(self, progress):
        assert ScheduleState(STEPPED).point(progress) == STEPPED.at(progress)

    @pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 1.0])
    def test_the_path_so_far_ends_now(self, progress):
        assert ScheduleState(STEPPED).path_so_far(progress) == STEPPED.until(progress)

    def test_a_drop_of_the_score_moves_nothing(self):
        schedule = ScheduleState(STEPPED)
        assert scores_observed(schedule, 9.0, 8.0, 7.0) == [False, False, False]
        assert schedule.point(0.25) == STEPPED.at(0.25)

    def test_a_target_extends_the_path_so_far(self):
        schedule = ScheduleState(Path(knots=((0.0, FIRST), (0.25, SECOND))))
        schedule.set_target(THIRD, now=0.25, at=0.5)
        assert schedule.path == Path(knots=((0.0, FIRST), (0.25, SECOND), (0.5, THIRD)))
        assert (schedule.point(0.25), schedule.point(0.5)) == (SECOND, THIRD)

    def test_a_target_replaces_the_rest_of_the_path(self):
        schedule = ScheduleState(STEPPED)
        schedule.set_target(FIRST, now=0.25, at=0.5)
        assert schedule.path == Path(knots=((0.0, FIRST), (0.25, STEPPED.at(0.25)), (0.5, FIRST)))

    @pytest.mark.parametrize("path", [Path.constant(FIRST), STEPPED.until(0.25)], ids=["constant", "ended"])
    def test_a_target_after_the_last_knot_keeps_the_level_part(self, path):
        schedule = ScheduleState(path)
        schedule.set_target(THIRD, now=0.5, at=0.75)
        assert schedule.point(0.5) == schedule.path_so_far(0.5).end == path.end
        assert schedule.point(0.75) == THIRD


class TestPlateauClock:
    def test_steps_alone_move_nothing(self):
        assert [ScheduleState(PLATEAU).point(progress) for progress in (0.0, 0.5, 1.0)] == [FIRST] * 3

    def test_a_score_that_rises_or_stays_moves_nothing(self):
        schedule = ScheduleState(PLATEAU)
        assert scores_observed(schedule, 1.0, 2.0, 2.0, 3.0) == [False] * 4
        assert schedule.point(0.5) == FIRST

    def test_each_drop_below_the_best_moves_one_knot_and_returns(self):
        schedule = ScheduleState(PLATEAU)
        assert scores_observed(schedule, 5.0, 4.0) == [False, True]
        assert schedule.point(0.25) == SECOND
        # back at the weights of score 5, the same score is no drop
        assert scores_observed(schedule, 5.0, 4.9) == [False, True]
        assert schedule.point(0.5) == THIRD

    def test_a_second_drop_is_measured_against_the_restored_weights(self):
        schedule = ScheduleState(PLATEAU)
        assert scores_observed(schedule, 5.0, 3.0, 4.0) == [False, True, True]

    def test_it_stays_at_the_last_knot(self):
        schedule = ScheduleState(PLATEAU)
        assert scores_observed(schedule, 5.0, 4.0, 4.0, 4.0, 4.0) == [False] + [True] * 4
        assert schedule.point(1.0) == THIRD

    def test_the_path_so_far_is_made_of_jumps_on_the_step_clock(self):
        schedule = ScheduleState(PLATEAU)
        scores_observed(schedule, 5.0, 4.0, 5.0, 4.0, of=4)
        jumps = ((0.0, FIRST), (0.5, FIRST), (0.5, SECOND), (1.0, SECOND), (1.0, THIRD))
        assert schedule.path_so_far(1.0) == Path(knots=jumps)

    @given(scores)
    def test_the_path_so_far_is_where_the_run_was(self, scores):
        schedule, were = ScheduleState(PLATEAU), {}
        for place, score in enumerate(scores, start=1):
            # until the next score the run is where it is now
            were[(place - 0.5) / 8] = schedule.point(0.0)
            schedule.observe_objective(score, place / 8)
        so_far = schedule.path_so_far(len(scores) / 8)
        assert so_far.clock == "step"
        assert {progress: so_far.at(progress) for progress in were} == were

    @given(scores)
    def test_it_returns_only_where_the_score_is_below_the_best_so_far(self, scores):
        best = [max(scores[: place + 1]) for place in range(len(scores))]
        assert scores_observed(ScheduleState(PLATEAU), *scores) == [
            score < top for score, top in zip(scores, best, strict=True)
        ]

    def test_knots_at_the_same_progress_are_still_visited_in_turn(self):
        schedule = ScheduleState(Path(knots=((0.0, FIRST), (0.0, SECOND)), clock="plateau"))
        assert schedule.point(0.0) == schedule.path_so_far(0.0).end == FIRST

    def test_a_target_ends_the_plateau_clock(self):
        schedule = ScheduleState(PLATEAU)
        scores_observed(schedule, 5.0, 4.0, of=4)
        schedule.set_target(THIRD, now=0.75, at=1.0)
        assert not schedule.follows_plateau
        assert (schedule.point(0.6), schedule.point(0.75), schedule.point(1.0)) == (SECOND, SECOND, THIRD)

    def test_the_papers_path_ends_without_truth_after_thirteen_drops(self):
        schedule = ScheduleState(algorithm("interpolation").path("bleu"))
        scores_observed(schedule, *range(20, 6, -1), of=14)
        assert schedule.point(1.0).reward.truth == 0.0


@pytest.mark.parametrize("path", [STEPPED, PLATEAU], ids=["step", "plateau"])
@given(before=scores, after=scores)
def test_a_schedule_continues_from_its_state_as_if_undisturbed(path, before, after):
    schedule = ScheduleState(path)
    scores_observed(schedule, *before, of=16)
    copy = ScheduleState.from_state(json.loads(json.dumps(schedule.state())))
    assert scores_observed(copy, *after, of=16, start=9) == scores_observed(schedule, *after, of=16, start=9)
    assert copy.state() == schedule.state()
    assert copy.path_so_far(1.0) == schedule.path_so_far(1.0)
