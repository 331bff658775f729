"""One training run: a model walks a path, interval after interval. No Ray in it.

Everything that a run is lies in its `state`: weights, optimizer, generators, the path and how far it has been walked.
So a run that is loaded from a state goes on with the same numbers, and a member that clones another one's state goes
on with that one's weights, optimizer and walked path, but with draws of its own.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.erpo import StepLoss, step_loss
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import ModelConfig, Seq2Seq, build_model
from erpo_explore.space import Point
from erpo_explore.tasks import Task, TrainingBatches
from erpo_explore.trial.evaluation import evaluate
from erpo_explore.trial.interval import Interval, ToldToEndError
from erpo_explore.trial.observation import Observation
from erpo_explore.trial.schedule import Walk
from erpo_explore.trial.seeding import DRAWS, WEIGHTS, stream
from erpo_explore.trial.spec import TrialSpec

__all__ = ["TrainingRun", "choose_device"]


def choose_device() -> torch.device:
    """CUDA where this process sees it, else the CPU."""
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
            task: What is trained on.
            model: What is trained.
            training: Budget and optimizer.
            spec: Path and seed.
            device: Where to.
            attempt: How often the run has diverged and was begun or loaded again. Each attempt has dropout masks and
                draws of its own; its first weights and batches are the seed's.
        """
        self._task = task
        self._training = training
        self._spec = spec
        self._device = device
        self._attempt = attempt
        self._weights_generator = stream(device, spec.seed, WEIGHTS)
        self._draws_generator = stream(device, spec.seed, DRAWS)
        self._model = build_model(
            model,
            len(task.source_vocabulary),
            len(task.target_vocabulary),
            pad=task.symbols.pad,
            generator=self._weights_generator,
        )
        self._optimizer = torch.optim.Adam(self._model.parameters(), lr=training.learning_rate, fused=True)
        self._batches = TrainingBatches(task.train, task.symbols, training.batch_size, spec.seed)
        self._valid = _first(task, training.validation_limit)
        self._unigram_V = task.unigram_V.to(device)
        self._walk = Walk(spec.path)
        self._elapsed_s = 0.0
        self.longest_interval_s: float | None = None
        """Of those that these weights have trained on this kind of device; None before the first."""
        self.step = 0
        self._interval: Interval | None = None
        if attempt > 0:
            self._draw_anew()

    @property
    def model(self) -> Seq2Seq:
        """What is trained."""
        return self._model

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.step >= self._training.steps

    @property
    def in_last_interval(self) -> bool:
        """Whether the next interval, whole or not, or the one that is under way is the last of the budget."""
        return self._begun_at + self._training.interval >= self._training.steps

    @property
    def _begun_at(self) -> int:
        """Step at which the interval began that is under way, or the next one will."""
        return self.step - (self._interval.num_steps if self._interval is not None else 0)

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return self.step / self._training.steps

    def walk_to(self, point: Point, *, num_intervals: int) -> None:
        """Give the path its next knot: be at `point` when so many intervals of the budget have been walked."""
        at = min(1.0, num_intervals * self._training.interval / self._training.steps)
        self._walk.go_to(point, now=self.progress, at=at)

    def advance(self, *, num_samples: int = 0, is_told_to_end: Callable[[], bool] | None = None) -> Observation:
        """Train one interval, or what is left of one that is under way, then evaluate.

        Args:
            num_samples: How many decoded sentences the observation keeps.
            is_told_to_end: Asked between steps whether the process must end soon; None for never.

        Raises:
            ToldToEndError: It must; `interval_state` is then what another process goes on from.
        """
        started = time.perf_counter()
        interval = self._interval
        if interval is None:
            interval = self._interval = Interval(before=self.state() if self._walk.follows_plateau else None)
        try:
            diverged = not self._train(interval, is_told_to_end)
        finally:
            interval.trained_s += time.perf_counter() - started
        self._interval = None
        trained_until = time.perf_counter()

        scores = None
        point, path = self._walk.point(self.progress), self._walk.walked(self.progress)
        if not diverged:
            scores = evaluate(
                self._model,
                self._task,
                self._valid,
                num_samples=num_samples,
                beam_width=self._training.beam_width,
                length_penalty=self._training.length_penalty,
            )
            if self._walk.see(scores.score, self.progress) and interval.before is not None:
                self.take_weights(interval.before)
        took_s = interval.trained_s + time.perf_counter() - trained_until
        self._elapsed_s += took_s
        self.longest_interval_s = max(took_s, self.longest_interval_s or 0.0)
        status = "diverged" if diverged else "finished" if self.finished else "running"
        return Observation(
            step=self.step,
            progress=self.progress,
            point=point,
            path=path,
            status=status,  # type: ignore[arg-type]  # mypy widens the conditional expression to str
            train_loss_nats=None if diverged else interval.mean_loss,
            scores=scores,
            tokens_per_s=interval.num_tokens / interval.trained_s,
            elapsed_s=self._elapsed_s,
            device=str(self._device),
            **interval.means,
        )

    def _train(self, interval: Interval, is_told_to_end: Callable[[], bool] | None) -> bool:
        """Do the steps that are left of an interval; returns whether the loss was a number all along."""
        while True:
            if is_told_to_end is not None and is_told_to_end():
                raise ToldToEndError
            if interval.num_steps >= self._training.interval:
                return True
            try:
                outcome = self.train_step(self._walk.point(self.progress))
            except FloatingPointError:
                return False
            interval.add(outcome)
            self.step += 1

    def state(self) -> dict[str, Any]:
        """Everything that the run is, as tensors and plain values."""
        return {
            "trial": self._spec.name,
            "attempt": self._attempt,
            "model": {name: tensor.detach().clone() for name, tensor in self._model.state_dict().items()},
            "optimizer": _cloned(self._optimizer.state_dict()),
            "weights_generator": self._weights_generator.get_state(),
            "draws_generator": self._draws_generator.get_state(),
            "walk": self._walk.state(),
            "step": self.step,
            "elapsed_s": self._elapsed_s,
            "longest_interval_s": self.longest_interval_s,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Become the run that `state` was taken of.

        The state of another trial, attempt or kind of device goes on with draws of this run's own.
        """
        self._interval = None
        self.take_weights(state)
        self._walk = Walk.from_state(state["walk"])
        self.step = state["step"]
        self._elapsed_s = state["elapsed_s"]
        # the state of a GPU's generator has another size, and means nothing to the CPU's
        same_device = state["draws_generator"].shape == self._draws_generator.get_state().shape
        same_draws = (state["trial"], state["attempt"]) == (self._spec.name, self._attempt)
        self.longest_interval_s = state["longest_interval_s"] if same_device else None
        if same_device and same_draws:
            self._weights_generator.set_state(state["weights_generator"])
            self._draws_generator.set_state(state["draws_generator"])
        else:
            self._draw_anew()

    def interval_state(self) -> dict[str, Any] | None:
        """As `state`, in the midst of an interval, with what has been done of it; None where nothing has."""
        if self._interval is None or self._interval.num_steps == 0:
            return None
        return {"run": self.state(), "interval": self._interval.state()}

    def load_interval_state(self, state: dict[str, Any]) -> None:
        """Go on in the midst of the interval that `interval_state` was taken in."""
        self.load_state(state["run"])
        self._interval = Interval.from_state(state["interval"])

    @property
    def beginning(self) -> dict[str, Any]:
        """Tells the state that the interval under way, or the next one, began with from any other of the trial.

        No two trainings of the same steps take the same time to the last digit of a float.
        """
        return {"step": self._begun_at, "elapsed_s": self._elapsed_s}

    def _draw_anew(self) -> None:
        """Take dropout masks and draws of this trial and attempt from this step on."""
        for generator, name in ((self._weights_generator, WEIGHTS), (self._draws_generator, DRAWS)):
            key = (self._spec.seed, name, self.step, *([self._attempt] if self._attempt else []))
            # the generator itself stays, since the model's dropout holds on to it
            generator.set_state(stream(self._device, *key).get_state())

    def take_weights(self, state: Mapping[str, Any]) -> None:
        """Take a state's weights, and its optimizer's moments where it has them; all else stays this run's.

        Args:
            state: `model` and perhaps `optimizer`, of a run or of a trunk that this one branches from.
        """
        self._model.load_state_dict(state["model"])
        if "optimizer" in state:
            # torch would keep the state's own tensors, and train on in them
            self._optimizer.load_state_dict(_cloned(state["optimizer"]))

    def train_step(self, point: Point) -> StepLoss:
        """One step of the optimizer at a point, on this step's batch; `step` is not moved on.

        Raises:
            FloatingPointError: The loss is not a number.
        """
        training = self._training
        batch = self._batches.at(self.step).to(self._device)
        reference = Reference(
            tokens_BT=batch.target_BT,
            keep_BT=batch.target_keep_BT,
            num_tokens=len(self._task.target_vocabulary),
            symbols=self._task.symbols,
        )
        reward = MixtureReward(point.reward, self._unigram_V, self._task.target_vocabulary.decode)
        self._model.train()
        with torch.autocast(self._device.type, torch.bfloat16, enabled=training.precision == "bf16"):
            outcome = step_loss(
                point, reward, self._model, batch.source_BS, batch.source_keep_BS, reference, self._draws_generator
            )
        if not bool(torch.isfinite(outcome.loss)):
            raise FloatingPointError("the loss is not a number")
        self._optimizer.zero_grad(set_to_none=True)
        outcome.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), training.clip_norm)
        scale = 1.0 - self.progress if training.decay == "linear" else 1.0
        for group in self._optimizer.param_groups:
            group["lr"] = training.learning_rate * scale
        self._optimizer.step()
        return outcome


def _first(task: Task, limit: int | None) -> Any:
    """The first `limit` pairs of the valid split."""
    valid = task.validation
    if limit is None or limit >= len(valid.references):
        return valid
    return replace(
        valid,
        sources=valid.sources[:limit],
        references=valid.references[:limit],
        source_ids=valid.source_ids[:limit],
        target_ids=valid.target_ids[:limit],
    )


def _cloned(value: Any) -> Any:
    """A deep copy in which tensors are detached."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _cloned(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_cloned(entry) for entry in value]
    return value
