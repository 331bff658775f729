import json

import pandas as pd
import pytest

from erpo_explore.search.gains import Gain, gains_of
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.trial.schedule import Walk

from .strategies import TRUTH

INTERVAL, STEPS = 100, 500


def knot(task):
    return Point(reward=Reward(truth=1.0 - task, task=task, temperature=0.1))


def walk(*tasks):
    """A walk from the truth to one knot an interval, as a run makes it."""
    walked = Walk(Path(knots=((0.0, TRUTH), (INTERVAL / STEPS, knot(tasks[0])))))
    for number, task in enumerate(tasks[1:], start=1):
        walked.go_to(knot(task), now=number * INTERVAL / STEPS, at=(number + 1) * INTERVAL / STEPS)
    return walked.walked(len(tasks) * INTERVAL / STEPS)


def row(trial, iteration, score, path, parent=None, step=None):
    step = INTERVAL * iteration if step is None else step
    known = {"trial": trial, "iteration": iteration, "parent": parent, "step": step, "progress": step / STEPS}
    return known | {"score": score, "path": json.dumps(path.to_dict())}


def found(rows, **settings):
    """(progress, score, start, knot, gain, intervals), with the task weight for a point."""
    return [
        (g.progress, g.score, g.start.reward.task, g.knot.reward.task, g.gain, g.intervals)
        for g in gains_of(pd.DataFrame(rows), **settings)
    ]


def test_a_gain_is_what_the_score_rose_by_after_walking_to_a_knot():
    rows = [row("a", 1, 3.0, walk(0.1)), row("a", 2, 5.0, walk(0.1, 0.2)), row("a", 3, 4.5, walk(0.1, 0.2, 0.3))]
    assert found(rows) == [(0.2, 3.0, 0.1, 0.2, 2.0, 1), (0.4, 5.0, 0.2, 0.3, -0.5, 1)]


def test_over_more_intervals_it_is_still_the_first_knots_gain():
    tasks = (0.1, 0.2, 0.3, 0.4)
    rows = [row("a", i, float(i * i), walk(*tasks[:i])) for i in range(1, 5)]
    assert found(rows, horizons=(3,)) == [(0.2, 1.0, 0.1, 0.2, 15.0, 3)]
    assert sorted(gain[-1] for gain in found(rows, horizons=(1, 2))) == [1, 1, 1, 2, 2]


def test_a_clone_goes_on_where_its_donor_stood():
    rows = [
        row("best", 1, 9.0, walk(0.3)),
        row("worst", 1, 1.0, walk(0.1)),
        row("worst", 2, 9.5, walk(0.3, 0.2), parent="best"),
        row("worst", 3, 9.75, walk(0.3, 0.2, 0.4), parent="best"),
    ]
    assert found(rows) == [(0.2, 9.0, 0.3, 0.2, 0.5, 1), (0.4, 9.5, 0.2, 0.4, 0.25, 1)]
    assert found(rows, horizons=(2,)) == [(0.2, 9.0, 0.3, 0.2, 0.75, 2)]


def test_a_second_clone_of_the_same_donor_is_known_by_its_path():
    rows = [
        row("best", 1, 9.0, walk(0.3)),
        row("best", 2, 10.0, walk(0.3, 0.35)),
        row("worst", 1, 1.0, walk(0.1)),
        row("worst", 2, 9.5, walk(0.3, 0.2), parent="best"),
        row("worst", 3, 10.25, walk(0.3, 0.35, 0.4), parent="best"),
    ]
    assert (0.4, 10.0, 0.35, 0.4, 0.25, 1) in found(rows)
    assert len(found(rows)) == 3


def test_a_clone_of_one_who_walked_the_same_path_is_known_by_its_new_parent():
    rows = [row("best", 1, 9.0, walk(0.3)), row("worst", 1, 1.0, walk(0.3))]
    assert found([*rows, row("worst", 2, 9.5, walk(0.3, 0.2), parent="best")]) == [(0.2, 9.0, 0.3, 0.2, 0.5, 1)]


def test_a_clone_may_go_back_in_steps():
    """Where members are not waited for, a donor may be behind."""
    rows = [
        row("slow", 1, 9.0, walk(0.3)),
        row("fast", 1, 1.0, walk(0.1)),
        row("fast", 2, 2.0, walk(0.1, 0.2)),
        row("fast", 3, 9.5, walk(0.3, 0.2), parent="slow", step=200),
    ]
    assert (0.2, 9.0, 0.3, 0.2, 0.5, 1) in found(rows)
    assert len(found(rows)) == 2


@pytest.mark.parametrize("lost", [0, 1])
def test_what_has_no_score_or_no_report_before_it_has_no_gain(lost):
    rows = [row("a", 1, 3.0, walk(0.1)), row("a", 2, None, walk(0.1, 0.2)), row("a", 3, 4.0, walk(0.1, 0.2, 0.3))]
    assert found(rows[lost:]) == []


def test_between_knots_a_walk_goes_on():
    """A sub-population that is judged less often walks to its knot for several intervals."""
    path = Path(knots=((0.0, TRUTH), (0.4, knot(0.4)), (1.0, knot(0.1))))
    rows = [row("a", i, float(i), path.until(i * INTERVAL / STEPS)) for i in range(1, 6)]
    assert [gain[:2] + gain[4:] for gain in found(rows)] == [(i / 5, float(i), 1.0, 1) for i in range(1, 5)]
    assert [gain[3] for gain in found(rows)] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_run_that_went_back_to_earlier_weights_has_no_gain_there():
    walked = Walk(algorithm("interpolation", metric="bleu"))
    rows = []
    for iteration, score in enumerate((3.0, 2.0, 4.0, 5.0), start=1):
        progress = iteration * INTERVAL / STEPS
        rows.append(row("interpolation", iteration, score, walked.walked(progress)))
        walked.see(score, progress)
    assert [(g.score, g.gain) for g in gains_of(pd.DataFrame(rows))] == [(3.0, -1.0), (4.0, 1.0)]


def test_no_reports_are_no_gains():
    frame = pd.DataFrame([row("a", 1, 3.0, walk(0.1))])
    assert gains_of(frame[:0]) == gains_of(frame) == []


def test_earlier_gains_come_first():
    rows = [row(name, i, 1.0, walk(*[0.1] * i)) for name in "ab" for i in (1, 2, 3)]
    gains = gains_of(pd.DataFrame(rows))
    assert [gain.progress for gain in gains] == [0.2, 0.2, 0.4, 0.4]
    assert gains[0] == Gain(progress=0.2, score=1.0, start=knot(0.1), knot=knot(0.1), gain=0.0, intervals=1)
