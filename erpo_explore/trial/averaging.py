"""Averages of the weights along a training run, which are evaluated in the place of the last weights.

    ema:       w̄ ← d w̄ + (1 − d) w after each step,  d = min(0.999, (1 + t) / (10 + t)) at step t
    last N:    the mean of the weights after the last N intervals

The optimizer goes on from the weights themselves (Polyak & Juditsky 1992; Vaswani et al. 2017 average checkpoints).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import torch
from torch import Tensor

from erpo_explore.config.training import LastWeights
from erpo_explore.seq2seq import Seq2Seq

__all__ = ["WeightAverage", "ema_share", "mean_weights", "move_average", "num_copies", "weights_to_use"]

_DECAY: Final = 0.999

Weights = dict[str, Tensor]


def num_copies(average: Literal["ema"] | LastWeights | None) -> int:
    """Copies of the weights that an average keeps."""
    if average is None:
        return 0
    return average.last if isinstance(average, LastWeights) else 1


class WeightAverage:
    """The average of a model's weights."""

    def __init__(self, model: Seq2Seq, average: Literal["ema"] | LastWeights | None) -> None:
        """Begin with the model's weights.

        Args:
            model: The model in training.
            average: Which average; None evaluates the weights as they are.
        """
        self._model = model
        self._average = average
        self._kept: list[Weights] = []
        self._num_steps = 0
        self.restart()

    def restart(self) -> None:
        """Forget what was averaged, since the model has other weights now."""
        self._num_steps = 0
        self._kept = [_copy(self._model)] if self._average == "ema" else []

    @torch.no_grad()
    def after_step(self) -> None:
        """Take part of the weights into the moving average."""
        if self._average != "ema":
            return
        self._num_steps += 1
        move_average(self._kept[0], self._model.state_dict(), ema_share(self._num_steps))

    def after_interval(self) -> None:
        """Take the weights after an interval, and forget the oldest."""
        if isinstance(self._average, LastWeights):
            self._kept = [*self._kept, _copy(self._model)][-self._average.last :]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context, the model has the averaged weights."""
        if not self._kept:
            yield
            return
        own = _copy(self._model)
        self._model.load_state_dict(mean_weights(self._kept))
        try:
            yield
        finally:
            self._model.load_state_dict(own)

    def state(self) -> dict[str, Any] | None:
        """What `load_state` needs; None where nothing is averaged."""
        if self._average is None:
            return None
        return {"num_steps": self._num_steps, "weights": [dict(weights) for weights in self._kept_copies()]}

    def load_state(self, state: Mapping[str, Any] | None) -> None:
        """Continue an average; begin anew where the state has none."""
        self.restart()
        if self._average is None or not state or not state["weights"]:
            return
        self._num_steps = int(state["num_steps"])
        device = self._model.device
        copies = num_copies(self._average)
        self._kept = [
            {name: tensor.detach().to(device, copy=True) for name, tensor in weights.items()}
            for weights in state["weights"][-copies:]
        ]

    def _kept_copies(self) -> list[Weights]:
        return [{name: tensor.clone() for name, tensor in weights.items()} for weights in self._kept]


def ema_share(num_steps: int) -> float:
    """1 − d, the share of the weights after the given number of steps in their moving average."""
    return 1.0 - min(_DECAY, (1 + num_steps) / (10 + num_steps))


def move_average(average: Weights, weights: Weights, share: float) -> None:
    """Move an average towards weights, in place; whole numbers become those of the weights."""
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, share)
        else:
            average[name].copy_(tensor)


def mean_weights(kept: Sequence[Mapping[str, Tensor]]) -> Weights:
    """Mean of weights, summed in double precision; whole numbers are those of the last."""
    last = kept[-1]
    if len(kept) == 1:
        return dict(last)
    return {
        name: torch.stack([weights[name].double() for weights in kept]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in last.items()
    }


def weights_to_use(state: Mapping[str, Any]) -> Weights:
    """The weights of a checkpoint that were evaluated: the average where there is one."""
    average = state.get("average")
    return mean_weights(average["weights"]) if average and average["weights"] else dict(state["model"])


def _copy(model: Seq2Seq) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
