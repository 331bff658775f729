"""What a training step costs a GPU, counted without one: kernels, and how often the host waits for the device.

    .venv/bin/python -m benchmarks.speed.step_counts [--data DIR] [--models lstm transformer] [--only raml spg]

A small model's step on a GPU is bound by the number of kernels that Python launches (5 to 10 µs each) and by the host's
waits. Both are counted on the CPU, as the loops run on a GPU: ended rows are masked, not dropped.

- A kernel is an operation that PyTorch dispatches, without views and allocations. An LSTM counts with all its parts;
  on a GPU it is one call of cuDNN over a known target, and a few kernels per decoded token.
- A wait is a value that the host reads (`item`, `tolist`, `cpu`), or a shape that depends on values (`nonzero`, a
  mask as an index).
- A decoded token is one pass of the sampler's loop, for all rows of the batch.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from benchmarks.speed.training_step import CASES, MLE
from benchmarks.studies.multi30k import BATCH_SIZE, add_data_option, multi30k
from erpo_explore.config.experiment import Training
from erpo_explore.erpo.active_rows import ActiveRows
from erpo_explore.seq2seq import LstmConfig, ModelConfig, TransformerConfig
from erpo_explore.seq2seq.ended_rows import TOKENS_PER_LOOK, ended_rows
from erpo_explore.space import Point
from erpo_explore.tasks import Task
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["MODELS", "Counter", "Counts", "counting", "counts_of", "run_of"]

MODELS: Final[Mapping[str, tuple[ModelConfig, int]]] = {
    "lstm": (LstmConfig(hidden_size=32), 40),
    "transformer": (TransformerConfig(hidden_size=32, layers=2, heads=2), 60),
}
"""Each model, and the kernels that one decoded token may cost."""

MLE_SHARE: Final = 2.5
"""Kernels that a step may cost beside its decoded tokens, over those of maximum likelihood."""

MAX_SYNCS: Final = 3
"""Waits that a step may cost, beside one per `TOKENS_PER_LOOK` decoded tokens."""

_NO_KERNELS: Final = (
    "empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "_unsafe_view", "lift_fresh",
    "_local_scalar_dense",
)  # fmt: skip
_READS: Final = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive")
_HOST_READS: Final = (Tensor.tolist, Tensor.cpu, Tensor.numpy)


@dataclass(slots=True, kw_only=True)
class Counts:
    """Counts of one step.

    Attributes:
        kernels: Dispatched operations that are no views.
        syncs: Waits of the host for the device.
        tokens: Passes of the sampler's loop.
        looks: Looks at the rows that the loops may take, one per `TOKENS_PER_LOOK` passes begun.
    """

    kernels: int = 0
    syncs: int = 0
    tokens: int = 0
    looks: int = 0

    def most_syncs(self) -> int:
        """Waits that this step may cost."""
        return MAX_SYNCS + self.looks

    def most_kernels(self, mle: "Counts", per_token: int) -> int:
        """Kernels that this step may cost."""
        return int(MLE_SHARE * mle.kernels) + per_token * self.tokens


class Counter(TorchDispatchMode):
    """Counts what is dispatched while it is active, but for operations on tensors that the host has read."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()
        self.by_name: dict[str, int] = {}
        self._on_host: Any = WeakTensorKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        name = func.overloadpacket.__name__
        if name == "_pack_padded_sequence":  # it takes lengths on the CPU, and returns the sizes of the steps there
            self._on_host[result[1]] = True
        elif any(value in self._on_host for value in given):
            for value in tree_leaves(result):
                if isinstance(value, Tensor):
                    self._on_host[value] = True
            return result
        if name in _READS or (name.startswith("index") and _has_mask(args)):
            self._add(f"wait: {name}")
        if not (func.is_view or func.namespace == "profiler" or name in _NO_KERNELS):
            self._add(name)
        return result

    def read(self, value: Tensor) -> Tensor:
        """What the host reads of a device's tensor."""
        self._add("wait: read")
        with _disable_current_modes():
            copy = value.detach().clone()
        self._on_host[copy] = True
        return copy

    def is_on_host(self, value: Tensor) -> bool:
        """Whether the host has read it."""
        return value in self._on_host

    def _add(self, name: str) -> None:
        self.by_name[name] = self.by_name.get(name, 0) + 1
        if name.startswith("wait: "):
            self.counts.syncs += 1
        else:
            self.counts.kernels += 1


class _HostReads(TorchFunctionMode):
    """Counts reads that a CPU tensor answers without dispatching anything."""

    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is Tensor.to and self._counter.is_on_host(args[0]):
            with _disable_current_modes():
                return func(*args, **(kwargs or {})).clone()
        if func in _HOST_READS and not self._counter.is_on_host(args[0]):
            args = (self._counter.read(args[0]), *args[1:])
        return func(*args, **(kwargs or {}))


def _has_mask(args: Sequence[Any]) -> bool:
    indices = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ()
    return any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)


@contextmanager
def _without_onednn() -> Iterator[None]:
    """The LSTM of oneDNN counts as one operation over a known target, and with all its parts token by token."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)  # `backends.mkldnn.flags` warns of other settings
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


@contextmanager
def counting() -> Iterator[Counter]:
    """Count what happens within this context."""
    counter, advance = Counter(), ActiveRows.advance

    def counted(rows: ActiveRows, *args: Any) -> None:
        counter.counts.tokens += 1
        counter.counts.looks += rows.step % TOKENS_PER_LOOK == 0
        advance(rows, *args)

    with ExitStack() as stack:
        stack.enter_context(ended_rows(masked=True))
        stack.enter_context(patch.object(ActiveRows, "advance", counted))
        stack.enter_context(_without_onednn())
        stack.enter_context(_HostReads(counter))
        stack.enter_context(counter)
        yield counter


def run_of(task: Task, model: ModelConfig, batch_size: int = BATCH_SIZE) -> TrainingRun:
    """A run before its first step."""
    training = Training(batch_size=batch_size, learning_rate=1e-9, steps=1_000_000, interval=1)
    spec = TrialSpec(name="counts", role="algorithm", algorithm="mle", seed=0, path=MLE)
    return TrainingRun(task, model, training, spec, torch.device("cpu"))


def counts_of(run: TrainingRun, point: Point) -> Counter:
    """Counts of one step at a point, on the same batch at each call."""
    with ended_rows(masked=True):
        run.train_step(point)  # the first step makes Adam's moments
    with counting() as counter:
        run.train_step(point)
    return counter


def main() -> None:
    """Print a table per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES), help="cases beside mle")
    parser.add_argument("--operations", action="store_true", help="also print how often each operation is dispatched")
    given = parser.parse_args()
    task = multi30k(given.data)
    for name in given.models:
        config, per_token = MODELS[name]
        run = run_of(task, config)
        mle = counts_of(run, MLE.end).counts
        print(f"\n| {name} | decoded tokens | kernels | at most | waits | at most |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for case in ["mle", *(case for case in given.only if case != "mle")]:
            counter = counts_of(run, CASES[case].point)
            counts = counter.counts
            most = counts.most_kernels(mle, per_token)
            row = [f"`{case}`", counts.tokens, f"{counts.kernels:,}", f"{most:,}", counts.syncs, counts.most_syncs()]
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
            if given.operations:
                print(sorted(counter.by_name.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    main()
