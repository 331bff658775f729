"""Dropout whose mask comes from a passed generator.

torch's own draws from the process-wide generator, which a trial that shares or re-uses a process does not own.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["SeededDropout"]


class SeededDropout(nn.Module):
    """y = x · m / (1 − p) with m ~ Bernoulli(1 − p) while training, y = x otherwise (Srivastava et al. 2014)."""

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
        if not self.training or self.probability == 0.0:
            return None
        keep = torch.empty_like(like).bernoulli_(1.0 - self.probability, generator=self.generator)
        return keep.div_(1.0 - self.probability)
