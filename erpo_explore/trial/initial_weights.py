"""The initial checkpoints that trials branch from: one or several, dealt out by seed.

A branch takes weights and, if configured, Adam's moments. Step, generators and schedule are its own, so it has its
whole budget left, and two seeds that branch from one checkpoint still draw differently. Of a run with
`training.average` the weights are the averaged ones, which were evaluated. Its moments are those of its last step.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from erpo_explore.config.init_from import CHECKPOINT_FILE
from erpo_explore.errors import ResultsError
from erpo_explore.seq2seq import ModelConfig, build_model
from erpo_explore.store.files import Folder, Location
from erpo_explore.tasks import Task
from erpo_explore.tasks.vocabulary_file import check_same_vocabulary
from erpo_explore.trial.averaging import weights_to_use
from erpo_explore.trial.checkpoint import load_checkpoint
from erpo_explore.trial.seeding import WEIGHTS, stream

__all__ = ["InitialWeights", "checkpoint_sha256", "load_initial_weights"]


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """What trials branch from. Pickles, since it travels to the workers.

    Attributes:
        states: One per initial checkpoint: `model`, its weights, and perhaps `optimizer`, all on the CPU.
        first_seed: The experiment's seed.
    """

    states: tuple[Mapping[str, Any], ...]
    first_seed: int

    def for_seed(self, seed: int) -> Mapping[str, Any]:
        """The state that the trial with this seed branches from: number (seed − first) mod n."""
        return self.states[(seed - self.first_seed) % len(self.states)]


def load_initial_weights(
    checkpoints: Sequence[Location], *, optimizer: bool, first_seed: int, task: Task, model: ModelConfig
) -> InitialWeights:
    """Read initial checkpoints, and check that their weights fit the model.

    Args:
        checkpoints: Checkpoint folders.
        optimizer: Whether to keep Adam's moments.
        first_seed: The experiment's seed.
        task: The task, whose vocabularies decide the model's sizes.
        model: The model that branches.

    Raises:
        ResultsError: A checkpoint is missing, truncated, of another program, size or vocabulary.
    """
    expected = _shapes(_fresh_weights(task, model))
    states = []
    for folder in checkpoints:
        state = load_checkpoint(folder)
        check_same_vocabulary(task.vocabularies.sha256(), state["vocabulary"], f"checkpoint {folder}")
        _check_fit(_shapes(state["model"]), expected, folder)
        states.append({"model": weights_to_use(state)} | ({"optimizer": state["optimizer"]} if optimizer else {}))
    return InitialWeights(states=tuple(states), first_seed=first_seed)


def checkpoint_sha256(folder: Location) -> str:
    """The sha256 of a checkpoint's file, in hexadecimal.

    Raises:
        ResultsError: The folder has no checkpoint, or it cannot be read.
    """
    within = Folder.at(folder)
    if not within.has(CHECKPOINT_FILE):
        raise ResultsError(
            f"checkpoint {folder}: has no {CHECKPOINT_FILE}; name a folder that a trial has written, in init_from"
        )
    with within.open(CHECKPOINT_FILE) as stream_of_bytes:
        return hashlib.file_digest(stream_of_bytes, "sha256").hexdigest()


def _fresh_weights(task: Task, model: ModelConfig) -> Mapping[str, torch.Tensor]:
    generator = stream(torch.device("cpu"), 0, WEIGHTS)
    sizes = len(task.source_vocabulary), len(task.target_vocabulary)
    return build_model(model, *sizes, pad=task.symbols.pad, generator=generator).state_dict()


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _check_fit(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], folder: Location) -> None:
    """Raise at the first tensor whose shape differs, or that one side lacks."""
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            there, here = (side.get(name, "no such weights") for side in (found, expected))
            raise ResultsError(
                f"checkpoint {folder}: must fit the experiment's model and vocabularies, but {name} is {there} in "
                f"the checkpoint and {here} in the experiment; give model and task the settings of the checkpoint"
            )
