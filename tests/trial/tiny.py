"""The smallest run that trains: an easy toy language, 8 units with dropout, four intervals of two steps."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig, Seq2Seq, build_model
from erpo_explore.space import Estimator, Path, Point, Reward, algorithm
from erpo_explore.tasks import Task, ToyConfig, load_task
from erpo_explore.trial import Observation, TrainingRun, TrialSpec

SEED = 24
"""A seed whose validation score drops at once, so that a plateau path moves, and whose model decodes some words."""

CPU = torch.device("cpu")
MODEL = LstmConfig(hidden_size=8, dropout=0.2)
TRAINING = Training(steps=8, interval=2, batch_size=8, learning_rate=0.02)
TRUTH = Point(reward=Reward(truth=1.0))
NOISE = Point(reward=Reward(truth=0.7, noise=0.3))
MIXTURE = Point(reward=Reward(truth=0.4, noise=0.1, task=0.3, model=0.2, temperature=0.1))
PENALISED = replace(algorithm("rloo", samples=2).path("bleu").end, anchor="frozen", kappa=0.1)
TRUSTED = Point(reward=Reward(task=1.0, temperature=0.1), alpha=1.0, beta=0.0, anchor="ema")
ANCHORED = Point.blended([(0.6, PENALISED), (0.4, TRUSTED)])
REUSED = replace(PENALISED, estimator=replace(PENALISED.estimator, reuse=3))
CHOSEN = Point(
    reward=Reward(task=1.0),
    alpha=0.0,
    beta=0.1,
    anchor="frozen",
    estimator=Estimator(kind="candidates", samples=3),
)

PATHS = {
    "mle": algorithm("mle").path("bleu"),
    "scheduled_sampling": algorithm("scheduled_sampling", rate=0.9).path("bleu"),
    "policy_gradient": algorithm("policy_gradient").path("bleu"),
    "plateau": algorithm("interpolation", temperature=0.1).path("bleu"),
    "mixture": Path(knots=((0.0, TRUTH), (0.25, MIXTURE))),
    "anchored": Path(knots=((0.0, TRUTH), (0.125, TRUTH), (0.125, ANCHORED))),
    "reused": Path(knots=((0.0, TRUTH), (0.5, REUSED))),
    "candidates": Path(knots=((0.0, TRUTH), (0.25, TRUTH), (0.25, CHOSEN))),
    "blend": Path(knots=((0.0, TRUTH), (1.0, algorithm("rloo", samples=2).path("bleu").end))),
}
"""Paths of every kind that a run's state must restore: no draws, draws, the model's draws, anchors, either clock."""


@cache
def toy(metric: str = "bleu") -> Task:
    config = {"difficulty": 0.0, "train_pairs": 60, "validation_pairs": 8, "test_pairs": 0, "metric": metric}
    return load_task(ToyConfig.model_validate(config))


def spec_of(path: Path, *, name: str = "tiny", seed: int = SEED, role: str = "path") -> TrialSpec:
    return TrialSpec(name=name, role=role, algorithm=None, seed=seed, path=path)


def run_of(
    path: Path, *, training: Training = TRAINING, metric: str = "bleu", attempt: int = 0, **spec: object
) -> TrainingRun:
    return TrainingRun(toy(metric), MODEL, training, spec_of(path, **spec), CPU, attempt=attempt)


def fresh_model(task: Task, generator: torch.Generator) -> Seq2Seq:
    return build_model(
        MODEL, len(task.source_vocabulary), len(task.target_vocabulary), pad=task.symbols.pad, generator=generator
    )


def weights(run: TrainingRun) -> dict[str, torch.Tensor]:
    return run.state()["model"]


def measured(observation: Observation) -> dict[str, object]:
    """An observation without the times that it took."""
    return {name: value for name, value in observation.to_row().items() if name not in ("tokens_per_s", "elapsed_s")}


def same(one: object, other: object) -> bool:
    """Whether two states hold the same plain values and, bit for bit, the same tensors."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def stored(row: dict[str, object], iteration: int = 1) -> dict[str, object]:
    """A row of `Observation.to_row` with the columns that the driver adds, as in the store's table `observations`."""
    known = {name: value for name, value in row.items() if name not in ("point", "samples", "sentences", "measures")}
    return known | {
        "exploration": "tiny",
        "trial": "tiny",
        "role": "algorithm",
        "iteration": iteration,
        "generation": 0,
        "seed": 3,
        "task": "toy",
        "model": "lstm",
        "path": str(row["path"]),
        "reported_at": datetime.now(UTC),
        "node": "here",
    }
