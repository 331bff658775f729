"""Times what a trial consists of: steps of every kind of point, and an evaluation.

A model is first trained a little by maximum likelihood, for two reasons. The first steps of a process are slow, and the
targets that an untrained model draws hardly ever end. Kinds are compared on the same batches, since batches differ in
length by more than kinds do.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch

from erpo_explore.config.experiment import FinalTest, Training
from erpo_explore.seq2seq import ModelConfig, Seq2Seq
from erpo_explore.space import Path, Point, Reward
from erpo_explore.tasks import Split, Task
from erpo_explore.trial.evaluation import evaluate
from erpo_explore.trial.initial_weights import InitialWeights
from erpo_explore.trial.spec import TrialSpec
from erpo_explore.trial.training import TrainingRun, first_pairs
from erpo_explore.trial.tuned_decoding import WIDTHS

__all__ = ["Measured", "time_trial"]

_WARM_STEPS: Final = 12
"""Steps of maximum likelihood before anything is timed; then the model ends its targets about as often as the data."""

_MEAN_STEPS: Final = 12
"""Steps of maximum likelihood whose mean is the price of a step, over batches of all lengths."""

_STEPS: Final = 2
"""Timed steps of every other kind, after one that is not timed."""

_SENTENCES: Final = 128
"""Sentences that are decoded to time an evaluation."""
_LENGTH_SLACK: Final = 5
_MLE: Final = Point(reward=Reward(truth=1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds that one process needs.

    Attributes:
        step_s: Per step, by name of the point.
        evaluation_s: Per evaluation of the validation pairs.
        test_s: To decode the test set once; 0 where that is not done.
    """

    step_s: Mapping[str, float]
    evaluation_s: float
    test_s: float


def time_trial(
    task: Task,
    model: ModelConfig,
    training: Training,
    points: Mapping[str, Point],
    device: torch.device,
    *,
    test: FinalTest | None = None,
    initial_weights: InitialWeights | None = None,
) -> Measured:
    """Time steps at each point, and an evaluation.

    Args:
        task: The data.
        model: Kind and sizes of the model.
        training: Batches, optimizer and evaluation of a trial.
        points: What to time, by name.
        device: Where to train.
        test: How the test set is decoded at the end of a trial.
        initial_weights: The weights that trials begin with; None for random ones.
    """
    spec = TrialSpec(name="timing", role="algorithm", algorithm="mle", seed=0, path=Path.constant(_MLE))
    run = TrainingRun(task, model, training, spec, device)
    if initial_weights is not None:
        run.branch_from(initial_weights.for_seed(initial_weights.first_seed))
    _seconds(run, _MLE, 0, _WARM_STEPS, device)
    mean_s = _seconds(run, _MLE, _WARM_STEPS, _MEAN_STEPS, device) / _MEAN_STEPS
    mle_s = _seconds(run, _MLE, 0, _STEPS, device)
    step_s = {}
    for name, point in points.items():
        if point == _MLE or point.estimator.rules.needs_frozen:  # candidates, once found, cost as much
            step_s[name] = mean_s
            continue
        _seconds(run, point, 0, 1, device)
        step_s[name] = mean_s * _seconds(run, point, 0, _STEPS, device) / mle_s
    validation = first_pairs(task.validation, training.validation_limit)
    evaluation_s = _evaluation_s(run.model, task, validation, training.beam_width, device)
    test_s = 0.0
    if test is not None and len(task.test) > 0:
        test_s = _evaluation_s(run.model, task, task.test, max(WIDTHS) if test.tune else test.beam_width, device)
        if test.tune:
            test_s += sum(_evaluation_s(run.model, task, task.validation, width, device) for width in WIDTHS)
    return Measured(step_s=step_s, evaluation_s=evaluation_s, test_s=test_s)


def _seconds(run: TrainingRun, point: Point, first: int, num_steps: int, device: torch.device) -> float:
    """Seconds of steps at a point, on the batches from `first` on."""
    started = _now(device)
    for step in range(first, first + num_steps):
        run.step = step
        try:
            run.train_step(point)
        except FloatingPointError:  # its cost is the same, and a real trial begins with other weights
            continue
    return _now(device) - started


def _evaluation_s(model: Seq2Seq, task: Task, split: Split, beam_width: int, device: torch.device) -> float:
    """Seconds to decode and score a split, from some of its sentences.

    A model that has hardly been trained does not end its sentences. So they are cut a little behind the mean length of
    the references.
    """
    some = first_pairs(split, _SENTENCES)
    length = round(sum(map(len, some.target_ids)) / len(some)) + _LENGTH_SLACK
    # the first one imports the metric's package, which takes seconds
    evaluate(model, task, first_pairs(split, 1), max_tokens=1)
    started = _now(device)
    evaluate(model, task, some, beam_width=beam_width, max_tokens=length)
    return (_now(device) - started) * len(split) / len(some)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
