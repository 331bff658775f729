"""Draws that several steps of a run are trained on."""

import pytest
import torch

from erpo_explore.errors import ConfigError
from erpo_explore.space import Path, Point
from erpo_explore.trial.interval import StopRequestedError

from .tiny import REUSED, TRAINING, TRUTH, run_of, same, weights

SIX = TRAINING.model_copy(update={"steps": 12, "interval": 6})


def draws_of(point, num_steps):
    """Whether each step drew, which moves the generator of the draws."""
    run, drew = run_of(Path.constant(point)), []
    for _ in range(num_steps):
        before = run._streams.draws.get_state()
        run.train_step(point)
        run.step += 1
        drew.append(not torch.equal(before, run._streams.draws.get_state()))
    return drew


def test_a_set_of_draws_is_trained_on_for_n_steps():
    assert draws_of(REUSED, 7) == [True, False, False, True, False, False, True]


def test_in_a_blend_the_other_sources_are_those_of_each_step():
    run = run_of(Path.constant(REUSED))
    blend = Point.blended([(0.5, TRUTH), (0.5, REUSED)])
    outcomes = []
    for _ in range(3):
        outcomes.append(run.train_step(blend))
        run.step += 1
    assert [outcome.mean_reward is not None for outcome in outcomes] == [True, False, False]


def test_an_interval_begins_with_a_new_set():
    run = run_of(Path.constant(REUSED))
    run.advance()  # two steps of the three
    assert not run._optimizer_step.has_open_sets


def test_a_run_stops_where_a_set_ends_and_goes_on_with_the_same_numbers():
    calls = []

    def after_the_first_step():
        calls.append(None)
        return len(calls) > 1

    whole, stopped, resumed = (run_of(Path.constant(REUSED), training=SIX) for _ in range(3))
    whole.advance()
    with pytest.raises(StopRequestedError):
        stopped.advance(should_stop=after_the_first_step)
    assert stopped.step == 3
    resumed.load_interval_state(stopped.interval_state())
    resumed.advance()
    assert same(weights(resumed), weights(whole))


def test_a_divided_batch_is_refused():
    run = run_of(Path.constant(REUSED), training=TRAINING.model_copy(update={"micro_batch": 1}))
    with pytest.raises(ConfigError, match="micro_batch divides a batch, but reuse=3 keeps its draws whole"):
        run.advance()
