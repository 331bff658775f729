"""One training run: a model is trained along a path, interval by interval. No Ray.

The `state` of a run is everything that it is: weights, optimizer, generators, the path and the position on it. A run
that loads a state continues with the same numbers. A member that clones another one's state continues with that one's
weights, optimizer and path so far, but with random draws of its own. A branch that loads a state of its seed continues
with the same numbers, too, and along its own path, which begins as that of the state.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Literal

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.erpo import StepLoss
from erpo_explore.seq2seq import ModelConfig, PretrainedConfig, Seq2Seq, build_model
from erpo_explore.space import Path, Point
from erpo_explore.tasks import Split, Task
from erpo_explore.tasks.vocabulary_file import check_same_vocabulary
from erpo_explore.trial.anchors import Anchors, frozen_copy
from erpo_explore.trial.averaging import WeightAverage
from erpo_explore.trial.divergence import Divergence
from erpo_explore.trial.evaluation import Scores, evaluate
from erpo_explore.trial.interval import Interval, StopRequestedError
from erpo_explore.trial.observation import Observation
from erpo_explore.trial.optimizer_step import OptimizerStep
from erpo_explore.trial.schedule import ScheduleState
from erpo_explore.trial.seeding import RandomStreams
from erpo_explore.trial.spec import TrialSpec

__all__ = ["TrainingRun", "choose_device", "first_pairs"]


def choose_device() -> torch.device:
    """CUDA where this process can use it, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class TrainingRun:
    """A model in training."""

    def __init__(
        self,
        task: Task,
        model: ModelConfig,
        training: Training,
        spec: TrialSpec,
        device: torch.device,
        *,
        attempt: int = 0,
    ) -> None:
        """Begin at step 0.

        Args:
            task: Training and validation pairs.
            model: Kind and sizes of the model.
            training: Budget and optimizer.
            spec: Path and seed.
            device: Where to train.
            attempt: Number of times that the run has diverged and was begun or loaded again. Each attempt has dropout
                masks and draws of its own; the initial weights and the batches depend on the seed alone.
        """
        self._task = task
        self._training = training
        self._spec = spec
        self._device = device
        self._attempt = attempt
        self._streams = RandomStreams(device, spec.seed, attempt=attempt)
        self._model = build_model(
            model,
            len(task.source_vocabulary),
            len(task.target_vocabulary),
            pad=task.symbols.pad,
            generator=self._streams.weights,
        )
        self._optimizer_step = OptimizerStep(task, self._model, training, seed=spec.seed, device=device)
        self._average = WeightAverage(self._model, training.average)
        self._vocabulary = task.vocabularies.sha256()
        self._validation = first_pairs(task.validation, training.validation_limit)
        self._schedule = ScheduleState(spec.path)
        self._anchors = Anchors(self._model, self._streams.weights)
        self._divergence = Divergence(self._validation, task.symbols)
        self._start = frozen_copy(self._model, self._streams.weights) if isinstance(model, PretrainedConfig) else None
        self._interval: Interval | None = None
        self._elapsed_s = 0.0
        self.longest_interval_s: float | None = None
        """Seconds of the longest interval that these weights trained on this kind of device; None before the first."""
        self.step = 0
        if attempt > 0:
            self._streams.restart(self.step)

    @property
    def model(self) -> Seq2Seq:
        """The model in training."""
        return self._model

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.step >= self._training.steps

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return self.step / self._training.steps

    @property
    def in_last_interval(self) -> bool:
        """Whether the interval in progress, or else the next one, is the last of the budget."""
        return self._interval_step + self._training.interval >= self._training.steps

    @property
    def interval_start(self) -> dict[str, Any]:
        """Identifies the state that the interval in progress, or else the next one, starts from.

        Two trainings of the same steps never take the same time to the last digit of a float, so step and elapsed time
        distinguish it from every other state of the trial.
        """
        return {"step": self._interval_step, "elapsed_s": self._elapsed_s}

    @property
    def _interval_step(self) -> int:
        """Step at which the interval in progress began, or the next one will."""
        return self.step - (self._interval.num_steps if self._interval is not None else 0)

    def set_target(self, point: Point, *, num_intervals: int) -> None:
        """Let the path lead to `point`, reached after `num_intervals` intervals of the budget."""
        at = min(1.0, num_intervals * self._training.interval / self._training.steps)
        self._schedule.set_target(point, now=self.progress, at=at)

    def advance(self, *, num_samples: int = 0, should_stop: Callable[[], bool] | None = None) -> Observation:
        """Train one interval, or the rest of the one in progress, then evaluate.

        Args:
            num_samples: Number of decoded sentences that the observation keeps.
            should_stop: Called between steps; True stops training. None never stops.

        Raises:
            StopRequestedError: `should_stop` returned True; another process can continue from `interval_state`.
        """
        started = time.perf_counter()
        interval = self._interval
        if interval is None:
            interval = self._interval = Interval(before=self.state() if self._schedule.follows_plateau else None)
        try:
            is_finite = self._train(interval, should_stop)
        finally:
            interval.trained_s += time.perf_counter() - started
        self._interval = None
        trained_until = time.perf_counter()
        # read before the evaluation, which moves a plateau schedule
        point, path = self._schedule.point(self.progress), self._schedule.path_so_far(self.progress)
        if is_finite:
            self._average.after_interval()
        with self.averaged():
            kl_nats = self._kl_nats(point) if is_finite else None
            scores = self._evaluate(num_samples) if is_finite else None
        if scores is not None:
            self._return_after_drop(interval, scores)
        took_s = interval.trained_s + time.perf_counter() - trained_until
        self._elapsed_s += took_s
        self.longest_interval_s = max(took_s, self.longest_interval_s or 0.0)
        return self._observation(interval, point, path, scores, kl_nats)

    def _kl_nats(self, point: Point) -> float | None:
        """KL divergence from the point's anchor, else from the weights of the beginning; None for random ones."""
        origin = self._anchors.of(point) or self._start
        return None if origin is None else self._divergence.kl_nats(self._model, origin)

    def _train(self, interval: Interval, should_stop: Callable[[], bool] | None) -> bool:
        """Take the remaining steps of an interval; returns False at the first non-finite loss."""
        while True:
            is_over = interval.num_steps >= self._training.interval
            if is_over:
                self._optimizer_step.close_sets()
            # kept draws are no part of the state: their steps are finished first
            if should_stop is not None and should_stop() and not self._optimizer_step.has_open_sets:
                raise StopRequestedError
            if is_over:
                return True
            try:
                outcome = self.train_step(self._schedule.point(self.progress))
            except FloatingPointError:
                return False
            self._average.after_step()
            interval.add(outcome)
            self.step += 1

    def train_step(self, point: Point) -> StepLoss:
        """One optimizer step at a point, on this step's batch; `step` is not incremented.

        Raises:
            FloatingPointError: The loss is non-finite.
        """
        outcome = self._optimizer_step.take(
            self.step,
            point,
            self._streams.draws,
            anchors=self._anchors.before_step(point),
            rate=point.rate * self._warmup,
        )
        self._anchors.after_step()
        return outcome

    @property
    def _warmup(self) -> float:
        """Factor on the learning rate, below 1 in the first steps after a jump of the path."""
        num_steps = self._training.jump_warmup
        jump = self._schedule.path_so_far(self.progress).last_jump if num_steps > 0 else None
        if jump is None:
            return 1.0
        return min(1.0, (self.step - round(jump * self._training.steps) + 1) / (num_steps + 1))

    def averaged(self) -> AbstractContextManager[None]:
        """Within this context, the model has the weights that are evaluated: the average, where there is one."""
        return self._average.applied()

    def _evaluate(self, num_samples: int) -> Scores:
        """Score the validation set."""
        return evaluate(
            self._model,
            self._task,
            self._validation,
            num_samples=num_samples,
            beam_width=self._training.beam_width,
            length_penalty=self._training.length_penalty,
        )

    def _return_after_drop(self, interval: Interval, scores: Scores) -> None:
        """On a plateau schedule, return to the weights before a drop."""
        if self._schedule.observe_objective(scores.objective, self.progress) and interval.before is not None:
            self.take_weights(interval.before)
            self._anchors.load_state(interval.before.get("anchors"))

    def _observation(
        self, interval: Interval, point: Point, path: Path, scores: Scores | None, kl_nats: float | None
    ) -> Observation:
        status: Literal["running", "finished", "diverged"] = "finished" if self.finished else "running"
        return Observation(
            step=self.step,
            progress=self.progress,
            point=point,
            path=path,
            status=status if scores is not None else "diverged",
            train_loss_nats=interval.mean_loss if scores is not None else None,
            scores=scores,
            kl_nats=kl_nats,
            tokens_per_s=interval.num_tokens / interval.trained_s,
            elapsed_s=self._elapsed_s,
            device=str(self._device),
            **interval.means,
        )

    def state(self) -> dict[str, Any]:
        """Everything that the run is, as tensors and plain values."""
        return {
            "trial": self._spec.name,
            "attempt": self._attempt,
            "model": {name: tensor.detach().clone() for name, tensor in self._model.state_dict().items()},
            "optimizer": self._optimizer_step.state(),
            **self._streams.state(),
            "schedule": self._schedule.state(),
            "step": self.step,
            "elapsed_s": self._elapsed_s,
            "longest_interval_s": self.longest_interval_s,
            "vocabulary": self._vocabulary,
            "average": self._average.state(),
            "anchors": self._anchors.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue the run that `state` was taken from.

        With the state of another trial, attempt or kind of device, the run continues with random draws of its own. A
        branch has those of the trial that it branches from.

        Raises:
            ResultsError: The state belongs to another vocabulary.
        """
        check_same_vocabulary(self._vocabulary, state.get("vocabulary"), f"the state of trial {state['trial']}")
        self._interval = None
        self._optimizer_step.close_sets()
        self.take_weights(state)
        self._anchors.load_state(state.get("anchors"))
        is_branch = self._spec.is_branch
        self._schedule = ScheduleState(self._spec.path) if is_branch else ScheduleState.from_state(state["schedule"])
        self.step = state["step"]
        self._elapsed_s = state["elapsed_s"]
        same_device = self._streams.can_load(state)
        same_draws = state["attempt"] == self._attempt and (is_branch or state["trial"] == self._spec.name)
        self.longest_interval_s = state["longest_interval_s"] if same_device else None
        if same_device and same_draws:
            self._streams.load_state(state)
        else:
            self._streams.restart(self.step)

    def interval_state(self) -> dict[str, Any] | None:
        """The run's state within an interval, with what has been done of it; None between two intervals."""
        if self._interval is None or self._interval.num_steps == 0:
            return None
        return {"run": self.state(), "interval": self._interval.state()}

    def load_interval_state(self, state: Mapping[str, Any]) -> None:
        """Continue within the interval that `interval_state` was taken in."""
        self.load_state(state["run"])
        self._interval = Interval.from_state(state["interval"])

    def branch_from(self, state: Mapping[str, Any]) -> None:
        """Begin with the weights of an initial checkpoint; the KL divergence is reported from them on.

        Args:
            state: As for `take_weights`.
        """
        self.take_weights(state)
        self._start = frozen_copy(self._model, self._streams.weights)

    def take_weights(self, state: Mapping[str, Any]) -> None:
        """Load a state's weights, and its optimizer's moments where it has them; all else stays as it is.

        Args:
            state: `model` and perhaps `optimizer`, from a run or from initial weights.
        """
        self._model.load_state_dict(state["model"])
        self._average.load_state(state.get("average"))
        if "optimizer" in state:
            self._optimizer_step.load_state(state["optimizer"])


def first_pairs(split: Split, limit: int | None) -> Split:
    """The first `limit` pairs of a split; all where it is None."""
    if limit is None or limit >= len(split.references):
        return split
    return replace(
        split,
        sources=split.sources[:limit],
        references=split.references[:limit],
        source_ids=split.source_ids[:limit],
        target_ids=split.target_ids[:limit],
    )
