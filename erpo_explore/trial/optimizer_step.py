"""One optimizer step: a batch, the loss at a point, clipped gradients, Adam."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.erpo import StepLoss, accumulate, assign_sources, merge_outcomes, reused_loss, step_loss
from erpo_explore.erpo.kept_draws import KeptDraws
from erpo_explore.metrics import Scorer, load_scorer
from erpo_explore.rewards import MixtureReward, text_scorer
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Estimator, Point
from erpo_explore.tasks import Batch, Task, TrainingBatches
from erpo_explore.trial.candidates import TrainingCandidates
from erpo_explore.trial.references import training_references

__all__ = ["OptimizerStep"]


@dataclass(slots=True, kw_only=True)
class _OpenSet:
    """Draws that are trained on for several steps, at the point and on the batch of the first of them."""

    point: Point
    batch: Batch
    draws: KeptDraws
    num_steps: int = 1

    @property
    def is_open(self) -> bool:
        return self.num_steps < self.point.estimator.reuse


class OptimizerStep:
    """Trains a model step by step."""

    def __init__(self, task: Task, model: Seq2Seq, training: Training, *, seed: int, device: torch.device) -> None:
        """Begin with fresh Adam moments.

        Args:
            task: Training pairs and vocabularies.
            model: The model, whose parameters are changed in place.
            training: Budget and optimizer settings.
            seed: Decides which batch each step gets.
            device: Device of the model.
        """
        self._task, self._model, self._training, self._device = task, model, training, device
        self._optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)
        self._batches = TrainingBatches(
            task.train, task.symbols, training.batch_size, seed, batch_tokens=training.batch_tokens
        )
        self._scorers = [load_scorer(metric) for metric in (task.metric, *task.also)]
        self._text_scorers: dict[str, Scorer | None] = {}
        self._unigram_V = torch.from_numpy(task.unigram_V).to(device)
        self._open_sets: dict[Estimator, _OpenSet] = {}
        self._candidates = TrainingCandidates(task)

    def take(
        self,
        step: int,
        point: Point,
        draws: torch.Generator,
        *,
        anchors: Mapping[str, Seq2Seq] = MappingProxyType({}),
        rate: float = 1.0,
    ) -> StepLoss:
        """Change the weights once.

        Args:
            step: Number of the step, from 0; it decides the batch and the learning rate.
            point: Where in the space the loss is computed.
            draws: Generator for sampled targets.
            anchors: The anchors that the point reads, by their names.
            rate: Factor on the learning rate.

        Raises:
            FloatingPointError: The loss is non-finite; the weights are unchanged.
        """
        self._optimizer.zero_grad(set_to_none=True)
        outcome = self._gradients(step, point, draws, anchors)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._training.clip_norm)
        scale = 1.0 - step / self._training.steps if self._training.decay == "linear" else 1.0
        for group in self._optimizer.param_groups:
            group["lr"] = self._training.learning_rate * scale * rate
        self._optimizer.step()
        return outcome

    @property
    def has_open_sets(self) -> bool:
        """Whether draws are kept that further steps will be trained on (`reuse`)."""
        return any(kept.is_open for kept in self._open_sets.values())

    def close_sets(self) -> None:
        """Forget all kept draws, so that the next step draws anew, as a run that is resumed does."""
        self._open_sets = {}

    def _gradients(self, step: int, point: Point, draws: torch.Generator, anchors: Mapping[str, Seq2Seq]) -> StepLoss:
        """Compute the loss and the gradients of the parameters.

        Raises:
            FloatingPointError: The loss is non-finite.
        """
        batch = self._batches.at(step).to(self._device)
        estimators = {part.estimator for _, part in point.parts}
        self._open_sets = {of: kept for of, kept in self._open_sets.items() if of in estimators}
        self._model.train()
        if not point.blend:
            return self._add_gradients(point, batch, draws, anchors, weight=1.0)
        return merge_outcomes(
            [
                (
                    self._add_gradients(part, batch.take(row_n), draws, anchors, weight=len(row_n) / len(batch)),
                    len(row_n),
                )
                for part, row_n in assign_sources(point, len(batch), draws)
            ]
        )

    def _add_gradients(
        self, point: Point, batch: Batch, draws: torch.Generator, anchors: Mapping[str, Seq2Seq], *, weight: float
    ) -> StepLoss:
        """Add the weighted gradients of a batch at one point to those of the parameters; returns the loss itself.

        Raises:
            FloatingPointError: The loss is non-finite.
        """
        kept = self._open_sets.get(point.estimator)
        if kept is not None and kept.is_open:
            point, batch = kept.point, kept.batch
        reference = training_references(self._task, batch)
        reward = MixtureReward(
            point.reward, self._unigram_V, self._task.target_vocabulary.decode, self._text_scorer(point.reward.metric)
        )
        candidates = None
        if point.estimator.rules.needs_frozen:
            found = self._candidates.of(anchors["frozen"], reward, point.estimator.samples)
            candidates = found.take(batch.index_B)
        others: dict[str, Any] = {"anchors": anchors, "candidates": candidates}
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._training.precision == "bf16"):
            given = (point, reward, self._model, batch.source_BS, batch.source_keep_BS, reference, draws)
            if self._training.micro_batch is not None and self._training.micro_batch < len(batch):
                return accumulate(*given, part_size=self._training.micro_batch, weight=weight, **others)
            if kept is not None and kept.is_open:
                outcome = reused_loss(*given, kept.draws, anchors)
                kept.num_steps += 1
            else:
                outcome = step_loss(*given, **others)
        if outcome.kept is not None:
            self._open_sets[point.estimator] = _OpenSet(point=point, batch=batch, draws=outcome.kept)
            outcome = replace(outcome, kept=None)
        outcome = outcome.on_host()
        if not outcome.is_finite:
            raise FloatingPointError("non-finite loss")
        (outcome.loss * weight).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return outcome

    def _text_scorer(self, metric: str) -> Scorer | None:
        """The scorer that a reward of this metric equals, where the metric on tokens does not."""
        if metric not in self._text_scorers:
            tokens_are_words = self._task.target_vocabulary.tokens_are_words
            self._text_scorers[metric] = text_scorer(
                metric,
                self._scorers,
                tokens_are_words=tokens_are_words,
                references=self._task.validation.references,
            )
        return self._text_scorers[metric]

    def state(self) -> dict[str, Any]:
        """A copy of Adam's moments and settings, which further steps leave unchanged."""
        copy: dict[str, Any] = _detached_copy(self._optimizer.state_dict())
        return copy

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the moments of a state, which stays unchanged: torch would train on in its tensors."""
        self._optimizer.load_state_dict(_detached_copy(state))


def _detached_copy(value: Any) -> Any:
    """A deep copy in which tensors are detached."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _detached_copy(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_detached_copy(entry) for entry in value]
    return value
