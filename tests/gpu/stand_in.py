"""A device without hardware: its tensors compute on the CPU, but refuse to be mixed with tensors of the CPU.

So a forgotten `.to(device)` fails here as it would beside a GPU. The tensors claim to be on `meta`, the one further
device that every build of PyTorch has. As on a GPU, a scalar of the CPU may be combined with them, and lengths of
packed sequences are on the CPU. What the host reads is copied.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from erpo_explore.trial import seeding

STAND_IN = torch.device("meta")
CPU = torch.device("cpu")
MAY_MIX = ("_to_copy", "copy_", "_pack_padded_sequence", "_pad_packed_sequence", "lift_fresh")


class OnDevice(Tensor):
    """A tensor of the device around one of the CPU."""

    inner: Tensor
    is_meta = False
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> "OnDevice":
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=STAND_IN,
        )  # fmt: skip

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    def __repr__(self, **_: Any) -> str:
        return f"OnDevice({self.inner!r})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return run(func, args, dict(kwargs or {}))


class DeviceGenerator(torch.Generator):
    """A generator of the device."""

    @property
    def device(self) -> torch.device:
        return STAND_IN


def run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run an operation on the CPU, if all its tensors are on one device."""
    name = func.overloadpacket.__name__
    given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    ours = [value for value in given if isinstance(value, OnDevice)]
    others = [value for value in given if not isinstance(value, OnDevice) and value.dim() > 0]
    if ours and others and name not in MAY_MIX:
        raise RuntimeError(f"{func}: expected all tensors on one device, got {STAND_IN} and {CPU}")
    asked = kwargs.get("device")
    is_ours = bool(ours) if asked is None else torch.device(asked) == STAND_IN
    if asked is not None:
        kwargs["device"] = CPU
    inner_args, inner_kwargs = tree_map(unwrapped, (args, kwargs))
    result = func(*inner_args, **inner_kwargs)
    if not is_ours or (func._schema.is_mutable and not isinstance(args[0], OnDevice)):
        return result
    if name == "_pack_padded_sequence":
        return OnDevice(result[0]), result[1]
    wrapped = tree_map(lambda value: OnDevice(value) if isinstance(value, Tensor) else value, result)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def unwrapped(value: Any) -> Any:
    return value.inner if isinstance(value, OnDevice) else value


class StandIn(TorchDispatchMode):
    """Makes new tensors of the device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return run(func, args, dict(kwargs or {}))


class ListIndices(TorchFunctionMode):
    """Makes tensors of lists that are indices; torch makes them on `meta`, without their data."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], OnDevice):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            index = tuple(torch.tensor(each, device=STAND_IN) if isinstance(each, list) else each for each in index)
            args = (args[0], index, *args[2:])
        return func(*args, **(kwargs or {}))


@contextmanager
def stand_in_device() -> Iterator[torch.device]:
    """The device, which exists within this context alone."""

    def stream(device: torch.device, *key: int) -> torch.Generator:
        generator = plain(CPU, *key)
        return DeviceGenerator().set_state(generator.get_state()) if device == STAND_IN else generator

    def tensor(data: Any, *, device: Any = CPU, **settings: Any) -> Tensor:
        return plain_tensor(data, **settings).to(device)

    plain, plain_tensor = seeding.stream, torch.tensor
    with pytest.MonkeyPatch.context() as patch, ListIndices(), StandIn():
        patch.setattr(seeding, "stream", stream)
        patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
        patch.setattr(torch, "is_autocast_enabled", lambda *_: False)
        for name in ("torch.optim.optimizer", "torch.utils._foreach_utils"):
            patch.setattr(sys.modules[name], "_get_fused_kernels_supported_devices", lambda: ["cpu", "meta"])
        # torch makes a tensor of `meta` without its data
        patch.setattr(torch, "tensor", tensor)
        yield STAND_IN
