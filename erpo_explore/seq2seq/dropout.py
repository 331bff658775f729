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
        if not self.training or self.probability == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.probability, generator=self.generator)
        return x * keep.div_(1.0 - self.probability)
