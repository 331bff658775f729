"""Training runs without a model, in the product's own Trainable: a report costs nothing.

A run gains its task weight and some noise each interval. Its report has the size of a real one: statistics of 1,000
sentences and 8 samples.
"""

from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import torch

from erpo_explore.space import Point
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.trial import Observation, Scores
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.evaluation import Sample
from erpo_explore.trial.schedule import ScheduleState
from erpo_explore.tune.worker.preempted_interval import PreemptedInterval
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["StandInRun", "StandInTrial"]

_SENTENCES: Final = 1000


class StandInRun:
    """Stand-in for a training run."""

    longest_interval_s = None
    model = SimpleNamespace(num_parameters=0)

    def __init__(self, training: Any, spec: Any) -> None:
        self._training, self._spec = training, spec
        self._schedule, self._score, self.step = ScheduleState(spec.path), 0.0, 0

    @property
    def in_last_interval(self) -> bool:
        """Whether the next interval is the last."""
        return bool(self.step + self._training.interval >= self._training.steps)

    @property
    def interval_start(self) -> dict[str, Any]:
        """Identifies the next interval."""
        return {"step": self.step}

    def set_target(self, point: Point, *, num_intervals: int) -> None:
        """Set the next knot of the path."""
        at = min(1.0, num_intervals * self._training.interval / self._training.steps)
        self._schedule.set_target(point, now=self.step / self._training.steps, at=at)

    def advance(self, **options: Any) -> Observation:
        """Train for one interval."""
        del options
        self.step += self._training.interval
        progress = self.step / self._training.steps
        point = self._schedule.point(progress)
        generator = np.random.default_rng((self._spec.seed, self.step))
        self._score += point.reward.task + float(generator.random())
        values_ND = generator.integers(0, 20, (_SENTENCES, 10)).astype(np.float32)
        return Observation(
            step=self.step,
            progress=progress,
            point=point,
            path=self._schedule.path_so_far(progress),
            status="finished" if self.step >= self._training.steps else "running",
            train_loss_nats=1.0,
            scores=Scores(
                validation_nll_nats=1.0,
                score=self._score,
                signature="simulated",
                statistics=CorpusStatistics(kind="bleu", values_ND=values_ND),
                samples=tuple(
                    Sample(index=index, source="a b", reference="c d", hypothesis="c e", sentence_score=1.0)
                    for index in range(8)
                ),
            ),
            entropy_nats=None,
            mean_reward=None,
            effective_sample_size=None,
            tokens_per_s=1.0,
            elapsed_s=float(self.step),
            device="cpu",
        )

    def state(self) -> dict[str, Any]:
        """State with the keys of a real one, without weights."""
        known = {
            "trial": self._spec.name,
            "schedule": self._schedule.state(),
            "step": self.step,
            "elapsed_s": self._score,
        }
        missing = ("attempt", "model", "optimizer", "weights_generator", "draws_generator", "longest_interval_s")
        return known | dict.fromkeys(missing, torch.zeros(1))

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._schedule, self.step, self._score = (
            ScheduleState.from_state(state["schedule"]),
            state["step"],
            state["elapsed_s"],
        )


class StandInTrial(ErpoTrainable):
    """The product's Trainable around a stand-in run."""

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment.from_dict(config)
        self._spec = assignment.spec
        self._run: Any = StandInRun(self._parts[2], self._spec)
        self._set_target(assignment)
        self._preempted_interval = PreemptedInterval(self._interval_file())
