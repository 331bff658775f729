"""Lower bound for a maximum likelihood step: the sum of its kernels' times, next to the step itself.

    .venv/bin/python -m benchmarks.speed.floor [--data DIR] [--rounds 15] [--device cuda] [--profile]

Kernels run forward and, if they have one, backward, on the batch of the round's step. Only kept positions are projected
and packed. The sum leaves out dropout, batching, the test for a finite loss, and the code between kernels. `--profile`
prints the time of the step by operation.
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding, linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.speed.timing import Goal, Work, interleaved, machine, table
from benchmarks.speed.training_step import MLE, options, trained_run
from benchmarks.studies.multi30k import BATCH_SIZE, UNITS, multi30k
from erpo_explore.tasks import Batch, Task, TrainingBatches
from erpo_explore.trial import TrainingRun

_SUM, _STEP = "sum of the kernels", "mle step"
_MOST: Final = 1.3


Kernel = tuple[Tensor, list[Tensor]]
"""Output of a kernel, and the tensors that its gradient is taken of."""


class Kernels:
    """The kernels of the step, each with its own tensors."""

    def __init__(self, task: Task, device: torch.device) -> None:
        H, self._device = UNITS, device
        self._batches = TrainingBatches(task.train, task.symbols, BATCH_SIZE, seed=0)
        self._generator = torch.Generator(device).manual_seed(0)
        self._source_VH = self._leaf(len(task.source_vocabulary), H)
        self._target_VH = self._leaf(len(task.target_vocabulary), H)
        self._bias_V = self._leaf(len(task.target_vocabulary))
        self._query_HH, self._combine_HH = self._leaf(H, H), self._leaf(H, 2 * H)
        self._encoder = nn.LSTM(H, H // 2, batch_first=True, bidirectional=True, device=device)
        self._decoder = nn.LSTM(H, H, batch_first=True, device=device)
        self._parameters = [self._source_VH, self._target_VH, self._bias_V, self._query_HH, self._combine_HH]
        self._parameters += [*self._encoder.parameters(), *self._decoder.parameters(), self._leaf(2 * H, 2 * H)]
        for parameter in self._parameters:
            parameter.grad = torch.full_like(parameter, 1e-3)
        self._adam = torch.optim.Adam(self._parameters, fused=True)

    def prepare(self, index: int) -> None:
        """Set the batch of a round and the inputs of every kernel."""
        H = UNITS
        self._batch: Batch = self._batches.at(index).to(self._device)
        (B, S), T = self._batch.source_BS.shape, self._batch.target_BT.shape[1]
        self._lengths_B = self._batch.source_keep_BS.sum(1).cpu()
        self._labels_N = self._batch.target_BT[self._batch.target_keep_BT]
        self._features_NH = self._leaf(len(self._labels_N), H)
        self._embedded_BSH, self._embedded_BTH = self._leaf(B, S, H), self._leaf(B, T, H)
        self._keys_BSH, self._states_BTH = self._leaf(B, S, H), self._leaf(B, T, H)
        self._first = (self._leaf(1, B, H), self._leaf(1, B, H))

    def output(self) -> Kernel:
        """Projection onto the vocabulary, and cross-entropy."""
        read = [self._features_NH, self._target_VH, self._bias_V]
        return cross_entropy(linear(*read), self._labels_N), read

    def decoder(self) -> Kernel:
        """LSTM over the known prefix."""
        states_BTH, _ = self._decoder(self._embedded_BTH, self._first)
        return states_BTH, [self._embedded_BTH, *self._first, *self._decoder.parameters()]

    def encoder(self) -> Kernel:
        """LSTM in both directions, packed."""
        packed = pack_padded_sequence(self._embedded_BSH, self._lengths_B, batch_first=True, enforce_sorted=False)
        keys_BSH, _ = pad_packed_sequence(self._encoder(packed)[0], batch_first=True)
        return keys_BSH, [self._embedded_BSH, *self._encoder.parameters()]

    def attention(self) -> Kernel:
        """Attention scores, weights, context, and output layer."""
        scores_BTS = linear(self._states_BTH, self._query_HH) @ self._keys_BSH.transpose(1, 2)
        context_BTH = scores_BTS.softmax(-1) @ self._keys_BSH
        attended_BTH = torch.tanh(linear(torch.cat([context_BTH, self._states_BTH], dim=-1), self._combine_HH))
        return attended_BTH, [self._states_BTH, self._keys_BSH, self._query_HH, self._combine_HH]

    def source_embedding(self) -> Kernel:
        """Source embeddings."""
        return embedding(self._batch.source_BS, self._source_VH, padding_idx=0), [self._source_VH]

    def target_embedding(self) -> Kernel:
        """Target embeddings."""
        return embedding(self._batch.target_BT, self._target_VH, padding_idx=0), [self._target_VH]

    def clipping(self) -> None:
        """Gradient clipping by one norm over all gradients."""
        torch.nn.utils.clip_grad_norm_(self._parameters, 5.0)

    def adam(self) -> None:
        """Fused Adam step."""
        self._adam.step()

    def _leaf(self, *shape: int) -> Tensor:
        drawn = torch.randn(*shape, generator=self._generator, device=self._device).mul_(0.05)
        return drawn.requires_grad_()


def _both_ways(forward: Callable[[], Kernel]) -> Work:
    def work(_: int) -> None:
        out, read = forward()
        # new gradients, as backward writes them if there are none
        torch.autograd.grad(out, read, torch.ones_like(out))

    return work


def _profile(run: TrainingRun) -> str:
    with torch.profiler.profile() as profiler:
        for _ in range(10):
            run.train_step(MLE.end)
            run.step += 1
    listed: str = profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=60)
    return listed


def main() -> None:
    """Measure and print a table."""
    parser = options(__doc__ or "")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--profile", action="store_true", help="also profile the step")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    device, task = torch.device(chosen.device), multi30k(chosen.data)
    kernels, run = Kernels(task, device), trained_run(task, device, 3)
    forwards = [kernels.output, kernels.decoder, kernels.encoder, kernels.attention]
    forwards += [kernels.source_embedding, kernels.target_embedding]
    work: dict[str, Work] = {forward.__name__: _both_ways(forward) for forward in forwards}
    work |= {"clipping": lambda _: kernels.clipping(), "adam": lambda _: kernels.adam()}
    num_kernels = len(work)
    work[_STEP] = lambda _: run.train_step(MLE.end)

    def prepare(index: int) -> None:
        kernels.prepare(index)
        run.step = index

    times = interleaved(work, chosen.rounds, device=device, before=prepare, warm_up=3)
    step = times.pop(_STEP)
    times[_SUM] = [sum(parts) for parts in zip(*list(times.values())[:num_kernels], strict=True)]
    times[_STEP] = step
    goals = {name: Goal(base=_SUM) for name in times} | {_STEP: Goal(base=_SUM, most=_MOST)}
    print(table(times, goals, title="kernel"))
    print(machine(device))
    if chosen.profile:
        print(_profile(run))


if __name__ == "__main__":
    main()
