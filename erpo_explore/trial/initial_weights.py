"""The weights that trials branch from, one trunk or several, dealt out by seed.

A branch takes weights and, where asked for, Adam's moments. Step, generators and walked path are its own, so it has its
whole budget before it, and two seeds of one trunk still draw apart.
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
from erpo_explore.trial.checkpoint import load_checkpoint
from erpo_explore.trial.seeding import WEIGHTS, stream

__all__ = ["Trunk", "checkpoint_sha256", "load_trunk"]


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """What trials branch from. Pickles, since it travels to the workers.

    Attributes:
        states: One a trunk: `model`, its weights, and perhaps `optimizer`, all on the CPU.
        first_seed: Of the exploration.
    """

    states: tuple[Mapping[str, Any], ...]
    first_seed: int

    def of(self, seed: int) -> Mapping[str, Any]:
        """The state that the trial with this seed branches from: number (seed − first) mod n."""
        return self.states[(seed - self.first_seed) % len(self.states)]


def load_trunk(
    checkpoints: Sequence[Location], *, optimizer: bool, first_seed: int, task: Task, model: ModelConfig
) -> Trunk:
    """Read a trunk, and hold it to the model that is to grow from it.

    Args:
        checkpoints: Folders, one a trunk.
        optimizer: Whether to take Adam's moments along.
        first_seed: Of the exploration.
        task: Its vocabularies give the model its sizes.
        model: What branches.

    Raises:
        ResultsError: A checkpoint is missing, torn, foreign or of another size.
    """
    kept = ("model", "optimizer") if optimizer else ("model",)
    expected = _shapes(_fresh_weights(task, model))
    states = []
    for folder in checkpoints:
        state = load_checkpoint(folder)
        _check_fit(_shapes(state["model"]), expected, folder)
        states.append({part: state[part] for part in kept})
    return Trunk(states=tuple(states), first_seed=first_seed)


def checkpoint_sha256(folder: Location) -> str:
    """The sha256 of a checkpoint's file, in hexadecimal.

    Raises:
        ResultsError: There is none, or it cannot be read.
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
    """Raise at the first tensor that one side has otherwise, or not at all."""
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            there, here = (side.get(name, "no such weights") for side in (found, expected))
            raise ResultsError(
                f"checkpoint {folder}: must fit the space's model and vocabularies, but {name} is {there} in the "
                f"checkpoint and {here} in the space; give model and task the trunk's settings"
            )
