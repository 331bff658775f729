"""Runs that are stopped within an interval, and runs that continue from there."""

import io
from functools import cache

import pytest
import torch

from erpo_explore.erpo import StepLoss
from erpo_explore.erpo.reward_statistics import reward_statistics
from erpo_explore.trial.interval import Interval, StopRequestedError

from .tiny import PATHS, TRAINING, measured, run_of, same

LONGER = TRAINING.model_copy(update={"steps": 16, "interval": 4})


def stop_after(num_steps):
    """A `should_stop` that returns True from call `num_steps` + 1 on."""
    answers = iter([False] * num_steps)
    return lambda: next(answers, True)


def through_a_file(state):
    content = io.BytesIO()
    torch.save(state, content)
    return torch.load(io.BytesIO(content.getvalue()), weights_only=True)


@cache
def undisturbed(name):
    """What each interval of a whole run reports, and its weights at the end."""
    run = run_of(PATHS[name], training=LONGER)
    return [measured(run.advance()) for _ in range(4)], run.state()["model"]


@pytest.mark.parametrize("num_steps", [1, 3, 4])
@pytest.mark.parametrize("name", PATHS)
def test_a_run_that_continues_within_an_interval_reports_the_same_as_an_undisturbed_one(name, num_steps):
    (first, *others), model = undisturbed(name)
    stopped = run_of(PATHS[name], training=LONGER)
    # at the second interval, plateau paths return to the weights before it
    assert same(measured(stopped.advance()), first)
    start = stopped.interval_start
    with pytest.raises(StopRequestedError):
        stopped.advance(should_stop=stop_after(num_steps))
    assert stopped.interval_start == start
    other = run_of(PATHS[name], training=LONGER)
    other.load_interval_state(through_a_file(stopped.interval_state()))
    # where draws are kept for three steps, a run stops when these are done, or the interval is
    stops_at = {1: 3, 3: 3, 4: 4}[num_steps] if name == "reused" else num_steps
    assert (other.step, other.interval_start) == (4 + stops_at, start)
    for expected in others:
        assert same(measured(other.advance()), expected)
    assert same(other.state()["model"], model)


def test_it_can_be_stopped_again_and_its_time_counts():
    run = run_of(PATHS["mle"], training=LONGER)
    for num_steps in (2, 1):
        with pytest.raises(StopRequestedError):
            run.advance(should_stop=stop_after(num_steps))
        state, run = run.interval_state(), run_of(PATHS["mle"], training=LONGER)
        run.load_interval_state(through_a_file(state))
    assert (run.step, state["interval"]["num_steps"]) == (3, 3)
    assert run.advance().elapsed_s > state["interval"]["trained_s"] > 0.0


def test_between_two_intervals_there_is_nothing_to_save():
    run = run_of(PATHS["mle"])
    assert run.interval_state() is None
    with pytest.raises(StopRequestedError):
        run.advance(should_stop=lambda: True)
    assert run.interval_state() is None


@pytest.mark.parametrize(("num_intervals", "is_last"), [(2, False), (3, True)])
def test_the_last_interval_is_known_within_it(num_intervals, is_last):
    run = run_of(PATHS["mle"], training=LONGER)
    for _ in range(num_intervals):
        run.advance()
    with pytest.raises(StopRequestedError):
        run.advance(should_stop=stop_after(3))
    assert run.in_last_interval == is_last


def test_loading_a_state_discards_the_interval_in_progress():
    run, other = run_of(PATHS["mle"], training=LONGER), run_of(PATHS["mle"], training=LONGER)
    state = run.state()
    with pytest.raises(StopRequestedError):
        run.advance(should_stop=stop_after(2))
    run.load_state(state)
    assert same(measured(run.advance()), measured(other.advance()))


def test_the_deviation_of_the_reward_is_that_of_all_targets_of_its_steps():
    reward_SBK, interval = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(1)), Interval()
    for reward_BK in reward_SBK:
        step = StepLoss(loss=torch.tensor(1.0), num_tokens=1, num_units=1.0, rewards=reward_statistics(reward_BK, 1.0))
        interval.add(step.on_host())
    assert interval.means["reward_deviation"] == pytest.approx(float(reward_SBK.std(correction=0)), rel=1e-4)


def test_an_interval_of_an_older_version_lacks_its_fields_alone():
    state = Interval().state()
    state["seen"] = {"entropy_nats": [1.0], "mean_reward": [0.5]}
    means = Interval.from_state(state).means
    assert (means["entropy_nats"], means["mean_reward"], means["reward_deviation"]) == (1.0, 0.5, None)
