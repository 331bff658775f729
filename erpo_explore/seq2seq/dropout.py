"""Dropout whose mask comes from a passed generator.

torch's own draws from the process-wide generator, which a trial that shares or re-uses a process does not own. And its
bernoulli_ draws a number a unit, where four units share one here: a third of the time, at 3% of a training step.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["SeededDropout"]

_LEVELS: Final = 2**16


class SeededDropout(nn.Module):
    """y = x · m / (1 − p) with m ~ Bernoulli(1 − p) while training, y = x otherwise (Srivastava et al. 2014).

    p is taken to the nearest 1/65,536.
    """

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        super().__init__()
        self.probability = probability
        self.generator = generator

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Mask x, any shape."""
        mask = self.mask(x)
        return x if mask is None else x * mask

    def mask(self, like: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"] | None:
        """What x would be multiplied by; None where it would be left alone."""
        num_dropped = round(self.probability * _LEVELS)
        if not self.training or num_dropped == 0:
            return None
        quarter = torch.empty((like.numel() + 3) // 4, dtype=torch.int64, device=like.device)
        level = quarter.random_(-(2**63), None, generator=self.generator).view(torch.int16)[: like.numel()]
        keep = level.view(like.shape) >= num_dropped - _LEVELS // 2
        return keep.to(like.dtype).mul_(_LEVELS / (_LEVELS - num_dropped))
