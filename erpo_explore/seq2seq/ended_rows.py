"""What becomes of rows that have ended while the others are decoded: they leave the batch, or stay and are masked.

On a CPU the cost of a step falls with the number of rows, so ended rows leave. A GPU pays per kernel, and each choice
of rows makes the host wait for it. So there the shapes stay as they are, and the host looks every 8 tokens whether all
rows have ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import torch

__all__ = ["TOKENS_PER_LOOK", "ended_rows", "masks_ended_rows"]

TOKENS_PER_LOOK: Final = 8
"""Tokens that are decoded between two looks of the host, where rows are masked."""

_CHOICE: ContextVar[bool | None] = ContextVar("masks_ended_rows", default=None)


def masks_ended_rows(device: torch.device) -> bool:
    """Whether ended rows are masked; by default on every device but the CPU."""
    choice = _CHOICE.get()
    return device.type != "cpu" if choice is None else choice


@contextmanager
def ended_rows(*, masked: bool) -> Iterator[None]:
    """Within this context, mask ended rows or drop them, whatever the device is. The targets are the same.

    Args:
        masked: Whether they are masked.
    """
    token = _CHOICE.set(masked)
    try:
        yield
    finally:
        _CHOICE.reset(token)
