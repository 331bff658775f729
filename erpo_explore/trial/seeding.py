"""Random streams of a run: one seed and a few whole numbers name a stream, in any process."""

from typing import Final

import numpy as np
import torch

__all__ = ["DRAWS", "WEIGHTS", "stream"]

WEIGHTS: Final = 0
"""First weights and dropout masks."""

DRAWS: Final = 1
"""Targets drawn by the E-step."""


def stream(device: torch.device, *key: int) -> torch.Generator:
    """A generator for the stream that `key` names, e.g. (seed, DRAWS, step); different keys are independent."""
    # SeedSequence takes (a, b) and (a, b, 0) for the same; a last word that is not 0 tells them apart
    state = np.random.SeedSequence((*key, 1)).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(state) % 2**63)
