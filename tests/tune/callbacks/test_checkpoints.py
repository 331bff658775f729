"""Which checkpoints stay: the last ones of each trial, those that trials continue from, and the best of all."""

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial

from erpo_explore.tune.callbacks import checkpoints
from erpo_explore.tune.callbacks.checkpoints import CheckpointSweeper


def saved(path: str, iteration: int, objective: float) -> Any:
    """A checkpoint of a model with an error rate, which falls where the objective rises."""
    metrics = {"training_iteration": iteration, "score": 100.0 - objective, "objective": objective}
    return SimpleNamespace(checkpoint=SimpleNamespace(path=path), metrics=metrics)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two trials of four checkpoints each; the best is an early one, and the second trial continues from a donor."""
    monkeypatch.setattr(checkpoints, "kept_checkpoints", lambda trial: trial.saved)
    monkeypatch.setattr(checkpoints, "TrialView", lambda trial: SimpleNamespace(checkpoint=trial.latest))
    objectives = [[1.0, 9.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]]
    trials: list[Any] = [Trial("stub", stub=True) for _ in objectives]
    for trial, name, values in zip(trials, "ab", objectives, strict=True):
        trial.saved = [saved(f"{name}{i}", i, values[i - 1]) for i in (3, 1, 4, 2)]
        trial.latest = "a4"
    return trials


@pytest.mark.parametrize(
    ("num_kept", "paths"), [(1, {"a2", "a4"}), (2, {"a2", "a3", "a4", "b3", "b4"})], ids=["one", "two"]
)
def test_the_last_ones_and_the_best_are_needed(trials: list[Any], num_kept: int, paths: set[str]) -> None:
    assert checkpoints._needed(trials, num_kept) == paths


def test_the_state_of_another_driver_leaves_the_setting() -> None:
    sweeper = CheckpointSweeper(3)
    sweeper.__setstate__(CheckpointSweeper(1).__getstate__())
    assert sweeper._num_kept == 3
