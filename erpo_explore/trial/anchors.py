"""The models that a run's points read as their anchors.

    frozen     the weights at the first step of a stretch of points with this anchor
    ema        from there on w̄ ← d w̄ + (1 − d) w after each step, d as in `averaging`

An anchor begins where the path comes to a point that reads it, also within a blend, and ends where it leaves such
points. So a path alone says what its anchors are, and a replay has the same ones. A branch begins with an initial
checkpoint's weights: if its path begins with an anchored point, these are the anchor.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Point
from erpo_explore.trial.averaging import ema_share, move_average

__all__ = ["Anchors", "frozen_copy"]


@dataclass(slots=True)
class _Anchor:
    """A copy of the model, and the number of steps since it was made."""

    model: Seq2Seq
    num_steps: int = 0


class Anchors:
    """The anchors in use, by the value of `Point.anchor`."""

    def __init__(self, model: Seq2Seq, generator: torch.Generator) -> None:
        """Begin without any.

        Args:
            model: The model in training.
            generator: The generator that its dropout holds.
        """
        self._model, self._generator = model, generator
        self._kept: dict[str, _Anchor] = {}

    def before_step(self, point: Point) -> Mapping[str, Seq2Seq]:
        """The anchors of a step at a point; those that it does not read end here.

        Args:
            point: A point or a blend.
        """
        needed = {part.anchor for _, part in point.parts} - {"self"}
        self._kept = {name: anchor for name, anchor in self._kept.items() if name in needed}
        for name in sorted(needed - self._kept.keys()):
            self._kept[name] = _Anchor(frozen_copy(self._model, self._generator))
        return {name: anchor.model for name, anchor in self._kept.items()}

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the weights into the moving average."""
        anchor = self._kept.get("ema")
        if anchor is not None:
            anchor.num_steps += 1
            move_average(anchor.model.state_dict(), self._model.state_dict(), ema_share(anchor.num_steps))

    def of(self, point: Point) -> Seq2Seq | None:
        """The anchor of the main part of a point; None where it reads none."""
        anchor = self._kept.get(point.main.anchor)
        return None if anchor is None else anchor.model

    def state(self) -> dict[str, Any]:
        """What `load_state` needs; empty where no anchor is in use."""
        return {
            name: {
                "num_steps": anchor.num_steps,
                "weights": {key: tensor.clone() for key, tensor in anchor.model.state_dict().items()},
            }
            for name, anchor in self._kept.items()
        }

    def load_state(self, state: Mapping[str, Any] | None) -> None:
        """Continue with the anchors of a state, and without any where it has none."""
        self._kept = {}
        for name, saved in (state or {}).items():
            self._kept[name] = _Anchor(frozen_copy(self._model, self._generator), saved["num_steps"])
            self._kept[name].model.load_state_dict(saved["weights"])


def frozen_copy(model: Seq2Seq, generator: torch.Generator) -> Seq2Seq:
    """A copy in evaluation mode, which later training leaves unchanged.

    Args:
        model: The model.
        generator: The generator that its dropout holds. The copy shares it, and never draws from it.
    """
    # the generator itself must not be copied: the run restores its state in place
    copied: Seq2Seq = copy.deepcopy(model, {id(generator): generator})
    return copied.requires_grad_(False).eval()
