"""Batches of padded tensors from a split.

Legend: B batch, S source length, T target length, N pairs.

A training batch is a function of seed and step. A run that is resumed or cloned at step k therefore reads the batches
that the first run would have read. No position has to be stored.
"""

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


def steps_per_epoch(split: TokenPairs, batch_size: int) -> int:
    """Batches of one pass over a split."""
    return -(-len(split) // batch_size)


class TrainingBatches:
    """Shuffled batches of pairs of similar length, as a pure function of the step.

    Each epoch has every pair once, in an order that depends on (seed, epoch). At most one batch per epoch is smaller.
    """

    def __init__(self, split: TokenPairs, symbols: Symbols, batch_size: int, seed: int) -> None:
        """Prepare; the order of an epoch is drawn at its first batch.

        Args:
            split: Pairs to batch.
            symbols: EOS ends a row, pad fills it.
            batch_size: Pairs per batch.
            seed: Seed of the order, at least 0.

        Raises:
            ConfigError: `batch_size` is below 1 or `seed` below 0.
            DataError: The split is empty.
        """
        if not batch_size >= 1:
            raise ConfigError(f"batch_size must be >= 1, got {batch_size}; give the pairs of one step")
        if not seed >= 0:
            raise ConfigError(f"seed must be >= 0, got {seed}; give a whole number from 0")
        if len(split) == 0:
            raise DataError("training: the train split has no pair; give a task with train pairs")
        self._split = split
        self._symbols = symbols
        self._batch_size = batch_size
        self._seed = seed
        self._length_N = _sort_keys(split)
        self._epoch = -1
        self._batches: tuple[Int[np.ndarray, " B"], ...] = ()

    def __len__(self) -> int:
        """Batches per epoch."""
        return steps_per_epoch(self._split, self._batch_size)

    def at(self, step: int) -> Batch:
        """Return the batch of a step. Steps are counted from 0 over all epochs.

        Raises:
            ConfigError: `step` is below 0.
        """
        if not step >= 0:
            raise ConfigError(f"step must be >= 0, got {step}; count steps from 0")
        epoch, index = divmod(step, len(self))
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffle(epoch)
        return collate(self._split, self._batches[index], self._symbols)

    def _shuffle(self, epoch: int) -> tuple[Int[np.ndarray, " B"], ...]:
        """Shuffle pairs, sort each pool of them by length, cut it into batches, shuffle the batches."""
        generator = _epoch_generator(self._seed, epoch)
        shuffled_N = torch.randperm(len(self._split), generator=generator)
        pool_N = torch.arange(len(self._split)) // (self._batch_size * _POOL_BATCHES)
        within_N = torch.argsort(self._length_N[shuffled_N], stable=True)
        sorted_N = shuffled_N[within_N[torch.argsort(pool_N[within_N], stable=True)]]
        batches = torch.split(sorted_N, self._batch_size)
        batch_order = torch.randperm(len(batches), generator=generator).tolist()
        return tuple(batches[index].numpy() for index in batch_order)


def _sort_keys(split: TokenPairs) -> Int[Tensor, " N"]:
    """One number per pair that sorts by source length, then by target length."""
    target_N = torch.from_numpy(split.target_ids.lengths)
    source_N = torch.from_numpy(split.source_ids.lengths)
    return source_N * (1 + target_N.max()) + target_N


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
