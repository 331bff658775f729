"""The same random numbers on every device: each draw is made on the CPU and then moved.

Generators of a GPU and of the CPU give different numbers for one seed, so two devices would train on different targets.
Under `SharedDraws` a CPU generator of the same seed draws in place of each generator.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class SharedDraws(TorchFunctionMode):
    """Replaces each generator by a CPU generator of the same seed."""

    def __init__(self) -> None:
        super().__init__()
        self._twins: dict[torch.Generator, torch.Generator] = {}
        self.num_draws = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        generator = kwargs.get("generator")
        if not isinstance(generator, torch.Generator):
            return func(*args, **kwargs)
        self.num_draws += 1
        target = args[0] if args and isinstance(args[0], torch.Tensor) else kwargs.get("tensor")
        device = kwargs.pop("device", None) or (generator.device if target is None else target.device)
        drawn = func(*map(self._on_cpu, args), **{name: self._on_cpu(value) for name, value in kwargs.items()})
        if not func.__name__.endswith("_"):
            return drawn.to(device)
        with torch.no_grad():  # an in-place function writes into its first argument
            return target.copy_(drawn)

    def _on_cpu(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):
            return self._twin(value)
        return value.cpu() if isinstance(value, torch.Tensor) else value

    def _twin(self, generator: torch.Generator) -> torch.Generator:
        if generator not in self._twins:
            self._twins[generator] = torch.Generator().manual_seed(generator.initial_seed())
        return self._twins[generator]
