"""The learning rate of a step: the point's factor on it, and its rise after a jump."""

import dataclasses

import pytest
import torch

from erpo_explore.space import Path

from .tiny import NOISE, TRAINING, TRUTH, run_of, weights


def length_of_first_step(point):
    run = run_of(Path.constant(point))
    before = weights(run)
    run.train_step(point)
    return float(torch.stack([(after - before[name]).norm() for name, after in weights(run).items()]).norm())


def rates(path, warmup, num_steps):
    """The learning rate of each step, over that of the training."""
    run, found = run_of(path, training=TRAINING.model_copy(update={"jump_warmup": warmup})), []
    for _ in range(num_steps):
        run.train_step(run._schedule.point(run.progress))
        run.step += 1
        found.append(run._optimizer_step._optimizer.param_groups[0]["lr"] / TRAINING.learning_rate)
    return found


@pytest.mark.parametrize("rate", [0.25, 3.0])
def test_the_first_step_is_longer_by_the_rate(rate):
    scaled = length_of_first_step(dataclasses.replace(TRUTH, rate=rate))
    assert scaled == pytest.approx(rate * length_of_first_step(TRUTH), rel=1e-3)


def test_the_rate_is_that_of_the_path():
    path = Path(knots=((0.0, TRUTH), (1.0, dataclasses.replace(NOISE, rate=0.01))))
    assert rates(path, 0, 4) == pytest.approx([0.01 ** (step / 8) for step in range(4)])


def test_after_a_jump_it_rises_over_the_steps_of_the_warmup():
    path = Path(knots=((0.0, TRUTH), (0.25, TRUTH), (0.25, NOISE)))
    assert rates(path, 3, 7) == pytest.approx([1.0, 1.0, 0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates(path, 0, 4) == [1.0] * 4


def test_a_path_without_a_jump_has_no_warmup():
    assert rates(Path(knots=((0.0, TRUTH), (1.0, NOISE))), 3, 3) == [1.0] * 3
