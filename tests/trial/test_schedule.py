import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.trial.schedule import Walk

FIRST, SECOND, THIRD = (Point(reward=Reward(truth=1.0 - noise, noise=noise)) for noise in (0.0, 0.25, 0.5))
STEPPED = Path(knots=((0.0, FIRST), (0.5, SECOND), (1.0, THIRD)))
PLATEAU = Path(knots=((0.0, FIRST), (0.5, SECOND), (1.0, THIRD)), clock="plateau")
scores = st.lists(st.floats(0.0, 100.0), max_size=8)


def seen(walk, *scores, of=8, start=1):
    """What the walk answers to one score after another, at equal shares of the budget."""
    return [walk.see(float(score), place / of) for place, score in enumerate(scores, start=start)]


class TestStepClock:
    @pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 0.5 + 1e-9, 1.0])
    def test_the_run_is_where_the_path_is(self, progress):
        assert Walk(STEPPED).point(progress) == STEPPED.at(progress)

    @pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 1.0])
    def test_what_was_walked_is_the_path_up_to_now(self, progress):
        assert Walk(STEPPED).walked(progress) == STEPPED.until(progress)

    def test_a_drop_of_the_score_moves_nothing(self):
        walk = Walk(STEPPED)
        assert seen(walk, 9.0, 8.0, 7.0) == [False, False, False]
        assert walk.point(0.25) == STEPPED.at(0.25)

    def test_a_knot_more_extends_the_walked_path(self):
        walk = Walk(Path(knots=((0.0, FIRST), (0.25, SECOND))))
        walk.go_to(THIRD, now=0.25, at=0.5)
        assert walk.path == Path(knots=((0.0, FIRST), (0.25, SECOND), (0.5, THIRD)))
        assert (walk.point(0.25), walk.point(0.5)) == (SECOND, THIRD)

    def test_leaving_a_path_midway_forgets_what_lies_ahead(self):
        walk = Walk(STEPPED)
        walk.go_to(FIRST, now=0.25, at=0.5)
        assert walk.path == Path(knots=((0.0, FIRST), (0.25, STEPPED.at(0.25)), (0.5, FIRST)))

    @pytest.mark.parametrize("path", [Path.constant(FIRST), STEPPED.until(0.25)], ids=["constant", "ended"])
    def test_leaving_a_path_that_had_ended_keeps_the_rest_that_was_had(self, path):
        walk = Walk(path)
        walk.go_to(THIRD, now=0.5, at=0.75)
        assert walk.point(0.5) == walk.walked(0.5).end == path.end
        assert walk.point(0.75) == THIRD


class TestPlateauClock:
    def test_steps_alone_move_nothing(self):
        assert [Walk(PLATEAU).point(progress) for progress in (0.0, 0.5, 1.0)] == [FIRST] * 3

    def test_a_score_that_rises_or_stays_moves_nothing(self):
        walk = Walk(PLATEAU)
        assert seen(walk, 1.0, 2.0, 2.0, 3.0) == [False] * 4
        assert walk.point(0.5) == FIRST

    def test_each_drop_below_the_best_moves_one_knot_and_goes_back(self):
        walk = Walk(PLATEAU)
        assert seen(walk, 5.0, 4.0) == [False, True]
        assert walk.point(0.25) == SECOND
        # gone back to the weights of score 5, the same score is no drop
        assert seen(walk, 5.0, 4.9) == [False, True]
        assert walk.point(0.5) == THIRD

    def test_a_second_drop_is_measured_against_the_weights_gone_back_to(self):
        walk = Walk(PLATEAU)
        assert seen(walk, 5.0, 3.0, 4.0) == [False, True, True]

    def test_it_stays_at_the_last_knot(self):
        walk = Walk(PLATEAU)
        assert seen(walk, 5.0, 4.0, 4.0, 4.0, 4.0) == [False] + [True] * 4
        assert walk.point(1.0) == THIRD

    def test_what_was_walked_is_a_path_of_jumps_on_the_step_clock(self):
        walk = Walk(PLATEAU)
        seen(walk, 5.0, 4.0, 5.0, 4.0, of=4)
        jumps = ((0.0, FIRST), (0.5, FIRST), (0.5, SECOND), (1.0, SECOND), (1.0, THIRD))
        assert walk.walked(1.0) == Path(knots=jumps)

    @given(scores)
    def test_the_walked_path_is_where_the_run_was(self, scores):
        walk, were = Walk(PLATEAU), {}
        for place, score in enumerate(scores, start=1):
            # until the next score the run is where it is now
            were[(place - 0.5) / 8] = walk.point(0.0)
            walk.see(score, place / 8)
        walked = walk.walked(len(scores) / 8)
        assert walked.clock == "step"
        assert {progress: walked.at(progress) for progress in were} == were

    @given(scores)
    def test_it_only_goes_back_where_the_score_is_not_the_best_so_far(self, scores):
        best = [max(scores[: place + 1]) for place in range(len(scores))]
        assert seen(Walk(PLATEAU), *scores) == [score < top for score, top in zip(scores, best, strict=True)]

    def test_knots_at_the_same_place_are_still_walked_one_after_the_other(self):
        walk = Walk(Path(knots=((0.0, FIRST), (0.0, SECOND)), clock="plateau"))
        assert walk.point(0.0) == walk.walked(0.0).end == FIRST

    def test_a_knot_of_ones_own_ends_the_waiting(self):
        walk = Walk(PLATEAU)
        seen(walk, 5.0, 4.0, of=4)
        walk.go_to(THIRD, now=0.75, at=1.0)
        assert not walk.follows_plateau
        assert (walk.point(0.6), walk.point(0.75), walk.point(1.0)) == (SECOND, SECOND, THIRD)

    def test_the_papers_path_ends_without_truth_after_thirteen_drops(self):
        walk = Walk(algorithm("interpolation").path("bleu"))
        seen(walk, *range(20, 6, -1), of=14)
        assert walk.point(1.0).reward.truth == 0.0


@pytest.mark.parametrize("path", [STEPPED, PLATEAU], ids=["step", "plateau"])
@given(before=scores, after=scores)
def test_a_walk_goes_on_from_its_state_as_if_undisturbed(path, before, after):
    walk = Walk(path)
    seen(walk, *before, of=16)
    copy = Walk.from_state(json.loads(json.dumps(walk.state())))
    assert seen(copy, *after, of=16, start=9) == seen(walk, *after, of=16, start=9)
    assert copy.state() == walk.state()
    assert copy.walked(1.0) == walk.walked(1.0)
