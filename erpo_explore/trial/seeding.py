"""Random streams of a run: one seed and a few whole numbers name a stream, in any process."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch

__all__ = ["DRAWS", "WEIGHTS", "RandomStreams", "stream"]

WEIGHTS: Final = 0
"""Initial weights and dropout masks."""

DRAWS: Final = 1
"""Targets drawn by the E-step."""


def stream(device: torch.device, *key: int) -> torch.Generator:
    """A generator for the stream that `key` names, e.g. (seed, DRAWS, step); different keys are independent."""
    # SeedSequence takes (a, b) and (a, b, 0) for the same; a last word that is not 0 tells them apart
    state = np.random.SeedSequence((*key, 1)).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(state) % 2**63)


class RandomStreams:
    """The generators of one run.

    Attributes:
        weights: Draws the initial weights, then dropout masks.
        draws: Draws targets.
    """

    def __init__(self, device: torch.device, seed: int, *, attempt: int = 0) -> None:
        """Start both streams at the seed.

        Args:
            device: Where random numbers are drawn.
            seed: The run's seed.
            attempt: Names the streams that `restart` begins; the first streams do not depend on it.
        """
        self._device, self._seed, self._attempt = device, seed, attempt
        self.weights = stream(device, seed, WEIGHTS)
        self.draws = stream(device, seed, DRAWS)

    def restart(self, step: int) -> None:
        """Begin streams that belong to this seed, attempt and step, whatever was drawn before."""
        for generator, name in ((self.weights, WEIGHTS), (self.draws, DRAWS)):
            key = (self._seed, name, step, *([self._attempt] if self._attempt else []))
            # the generator object stays: the model's dropout holds a reference to it
            generator.set_state(stream(self._device, *key).get_state())

    def state(self) -> dict[str, torch.Tensor]:
        """The states of both generators."""
        return {"weights_generator": self.weights.get_state(), "draws_generator": self.draws.get_state()}

    def can_load(self, state: Mapping[str, Any]) -> bool:
        """Whether a state is of the same kind of device: a CUDA generator's has another size than a CPU generator's."""
        return bool(state["draws_generator"].shape == self.draws.get_state().shape)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state` was taken."""
        self.weights.set_state(state["weights_generator"])
        self.draws.set_state(state["draws_generator"])
