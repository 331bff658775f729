"""Batches of padded tensors from a split.

Legend: B batch, S source length, T target length, N pairs, P pairs of a pool.

A training batch is a function of seed and step. A run that is resumed or cloned at step k therefore reads the batches
that the first run would have read. No position has to be stored.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.sentences import Sentences
from erpo_explore.tasks.task import TokenPairs

__all__ = ["Batch", "TrainingBatches", "collate", "evaluation_batches", "steps_per_epoch"]

_POOL_BATCHES: Final = 32
"""Batches per pool that is sorted by length: there is little padding, and the neighbours still change per epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sentence pairs, padded at the end of each row.

    Attributes:
        source_BS: Source tokens, EOS last.
        source_keep_BS: True at source tokens, including EOS.
        target_BT: Target tokens, EOS last, no BOS.
        target_keep_BT: True at target tokens, including EOS.
        index_B: Index of each pair in its split.
    """

    source_BS: Int[Tensor, "B S"]
    source_keep_BS: Bool[Tensor, "B S"]
    target_BT: Int[Tensor, "B T"]
    target_keep_BT: Bool[Tensor, "B T"]
    index_B: Int[Tensor, " B"]

    def __len__(self) -> int:
        """Number of pairs B."""
        return self.index_B.shape[0]

    @property
    def num_target_tokens(self) -> int:
        """Number of target tokens, including EOS and without padding."""
        return int(self.target_keep_BT.sum())

    def take(self, row_n: Int[Tensor, " n"]) -> "Batch":
        """Some of the pairs, without the padding that only longer ones needed."""
        source_keep_nS, target_keep_nT = self.source_keep_BS[row_n], self.target_keep_BT[row_n]
        S, T = (int(keep.sum(1).max()) for keep in (source_keep_nS, target_keep_nT))
        return Batch(
            source_BS=self.source_BS[row_n, :S],
            source_keep_BS=source_keep_nS[:, :S],
            target_BT=self.target_BT[row_n, :T],
            target_keep_BT=target_keep_nT[:, :T],
            index_B=self.index_B[row_n],
        )

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        return Batch(
            source_BS=self.source_BS.to(device),
            source_keep_BS=self.source_keep_BS.to(device),
            target_BT=self.target_BT.to(device),
            target_keep_BT=self.target_keep_BT.to(device),
            index_B=self.index_B.to(device),
        )


def collate(split: TokenPairs, indices: Sequence[int] | Int[np.ndarray, " B"], symbols: Symbols) -> Batch:
    """Put pairs into one batch.

    Args:
        split: TokenPairs of the pairs.
        indices: Indices of the pairs in the split, in the order of the rows.
        symbols: EOS ends a row, pad fills it.

    Raises:
        DataError: `indices` is empty.
    """
    if len(indices) == 0:
        raise DataError("batch: needs at least one pair, got none; skip empty splits")
    index_B = np.asarray(indices, np.int64)
    source_BS, source_keep_BS = _pad(split.source_ids, index_B, symbols)
    target_BT, target_keep_BT = _pad(split.target_ids, index_B, symbols)
    return Batch(
        source_BS=source_BS,
        source_keep_BS=source_keep_BS,
        target_BT=target_BT,
        target_keep_BT=target_keep_BT,
        index_B=torch.from_numpy(index_B.copy()),
    )


def _pad(
    sentences: Sentences, index_B: Int[np.ndarray, " B"], symbols: Symbols
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
    """Rows with EOS and padding, and a mask that is False at the padding."""
    tokens_BL, length_B = sentences.padded(index_B, eos=symbols.eos, pad=symbols.pad)
    keep_BL = np.arange(tokens_BL.shape[1]) < length_B[:, None]
    return torch.from_numpy(tokens_BL), torch.from_numpy(keep_BL)


def steps_per_epoch(split: TokenPairs, batch_size: int | None, batch_tokens: int | None = None) -> int:
    """Batches of one pass over a split, of the first one where the number differs between passes.

    Args:
        split: Pairs to batch.
        batch_size: Pairs per batch; None where `batch_tokens` is given.
        batch_tokens: Tokens per batch.
    """
    return TrainingBatches(split, Symbols(), batch_size, seed=0, batch_tokens=batch_tokens).num_batches(0)


class TrainingBatches:
    """Shuffled batches of pairs of similar length, as a pure function of the step.

    Each epoch has every pair once, in an order that depends on (seed, epoch). A batch has a number of pairs, or of
    tokens: rows times columns of both sides, with EOS and padding. At most one batch per epoch has fewer pairs. Batches
    of tokens are as large as they may be; a pair that is longer than a batch is a batch of its own.
    """

    def __init__(
        self, split: TokenPairs, symbols: Symbols, batch_size: int | None, seed: int, *, batch_tokens: int | None = None
    ) -> None:
        """Prepare; the order of an epoch is drawn at its first batch.

        Args:
            split: Pairs to batch.
            symbols: EOS ends a row, pad fills it.
            batch_size: Pairs per batch; None where `batch_tokens` is given.
            seed: Seed of the order, at least 0.
            batch_tokens: Most tokens per batch.

        Raises:
            ConfigError: `batch_size` or `batch_tokens` is below 1, or `seed` below 0.
            DataError: The split is empty.
        """
        for name, size in (("batch_size", batch_size), ("batch_tokens", batch_tokens)):
            if size is not None and not size >= 1:
                raise ConfigError(
                    f"{name} must be >= 1, got {size}; give the {name.removeprefix('batch_')} of one step"
                )
        if not seed >= 0:
            raise ConfigError(f"seed must be >= 0, got {seed}; give a whole number from 0")
        if len(split) == 0:
            raise DataError("training: the train split has no pair; give a task with train pairs")
        self._split = split
        self._symbols = symbols
        self._batch_tokens = batch_tokens
        self._batch_size = batch_size or _mean_pairs(split, batch_tokens or 1)
        self._seed = seed
        self._epoch = -1
        self._first_steps = [0]
        self._order_N = np.empty(0, np.int32)
        self._ends_B: list[int] = []
        self._batch_order: list[int] = []

    def __len__(self) -> int:
        """Batches of the first epoch."""
        return self.num_batches(0)

    def num_batches(self, epoch: int) -> int:
        """Batches of an epoch; with batches of tokens, the order of the epoch decides."""
        if self._batch_tokens is None:
            return -(-len(self._split) // self._batch_size)
        self._shuffle(epoch)
        return len(self._ends_B)

    def at(self, step: int) -> Batch:
        """Return the batch of a step. Steps are counted from 0 over all epochs.

        Raises:
            ConfigError: `step` is below 0.
        """
        if not step >= 0:
            raise ConfigError(f"step must be >= 0, got {step}; count steps from 0")
        while self._first_steps[-1] <= step:
            self._first_steps.append(self._first_steps[-1] + self.num_batches(len(self._first_steps) - 1))
        epoch = bisect_right(self._first_steps, step) - 1
        self._shuffle(epoch)
        number = self._batch_order[step - self._first_steps[epoch]]
        start = self._ends_B[number - 1] if number > 0 else 0
        return collate(self._split, self._order_N[start : self._ends_B[number]], self._symbols)

    def _shuffle(self, epoch: int) -> None:
        """Shuffle pairs, sort each pool of them by length, cut it into batches, shuffle the batches."""
        if epoch == self._epoch:
            return
        generator = _epoch_generator(self._seed, epoch)
        self._order_N = torch.randperm(len(self._split), generator=generator).numpy().astype(np.int32)
        pool = self._batch_size * _POOL_BATCHES
        self._ends_B = []
        for start in range(0, len(self._order_N), pool):
            pool_P = self._order_N[start : start + pool]
            source_P, target_P = (ids.lengths_of(pool_P) for ids in (self._split.source_ids, self._split.target_ids))
            # by source length, then by target length
            sorted_P = np.lexsort((target_P, source_P))
            pool_P[:] = pool_P[sorted_P]
            if self._batch_tokens is None:
                ends = [*range(self._batch_size, len(pool_P), self._batch_size), len(pool_P)]
            else:
                ends = _ends_by_tokens(source_P[sorted_P], target_P[sorted_P], self._batch_tokens)
            self._ends_B += [start + end for end in ends]
        self._batch_order = torch.randperm(len(self._ends_B), generator=generator).tolist()
        self._epoch = epoch


def _mean_pairs(split: TokenPairs, batch_tokens: int) -> int:
    """Pairs of mean length that a batch of tokens holds."""
    num_tokens = len(split.source_ids.tokens_N) + len(split.target_ids.tokens_N) + 2 * len(split)
    return max(1, batch_tokens * len(split) // num_tokens)


def _ends_by_tokens(source_P: Int[np.ndarray, " P"], target_P: Int[np.ndarray, " P"], batch_tokens: int) -> list[int]:
    """Where batches of sorted pairs end that have at most so many tokens with EOS and padding."""
    ends, start, longest_source, longest_target = [], 0, 0, 0
    for index, (source, target) in enumerate(zip(source_P.tolist(), target_P.tolist(), strict=True)):
        longest_source, longest_target = max(longest_source, source), max(longest_target, target)
        if index > start and (index + 1 - start) * (longest_source + longest_target + 2) > batch_tokens:
            ends.append(index)
            start, longest_source, longest_target = index, source, target
    return [*ends, len(source_P)]


def _epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Generator of an epoch. SeedSequence mixes both, so that neighbouring seeds or epochs share no stream."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)


def evaluation_batches(split: TokenPairs, symbols: Symbols, batch_size: int) -> Iterator[Batch]:
    """Yield every pair once, shortest first; `Batch.index_B` has the indices. An empty split has no batches.

    Raises:
        ConfigError: `batch_size` is below 1.
    """
    if not batch_size >= 1:
        raise ConfigError(f"batch_size must be >= 1, got {batch_size}; give the pairs of one batch")
    order = np.lexsort((split.target_ids.lengths, split.source_ids.lengths))
    for start in range(0, len(order), batch_size):
        yield collate(split, order[start : start + batch_size], symbols)
