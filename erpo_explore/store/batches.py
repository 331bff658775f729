"""Index of batches: which file holds a key, so that a row written again is replaced in place."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from erpo_explore.store.layout import PartKey

__all__ = ["BatchIndex"]


@dataclass(frozen=True, slots=True)
class _Run:
    """Counts of one trial in one batch, sorted."""

    batch: str
    first: int
    last: int
    counts: np.ndarray


class BatchIndex:
    """Keys of all batches: sorted counts per trial, as arrays, since a compacted table holds millions."""

    def __init__(self) -> None:
        self._runs: dict[str, list[_Run]] = defaultdict(list)

    def add(self, batch: str, trials: pa.ChunkedArray, counts: np.ndarray) -> None:
        """Add the keys of a batch.

        Args:
            batch: Name of its file.
            trials: Trial of each row.
            counts: Count of each row, whole numbers.
        """
        coded = trials.dictionary_encode().combine_chunks()
        codes, names = coded.indices.to_numpy(), coded.dictionary.to_pylist()
        order = np.lexsort((counts, codes))
        starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
        for name, begin, end in zip(names, starts[:-1], starts[1:], strict=True):
            of_trial = np.unique(counts[order[begin:end]])
            self._runs[name].append(_Run(batch, int(of_trial[0]), int(of_trial[-1]), of_trial))

    def find(self, key: PartKey) -> str | None:
        """Name of the batch that holds a key; None where no batch does."""
        trial, count = key
        for run in self._runs.get(trial, ()):
            if run.first <= count <= run.last and run.counts[np.searchsorted(run.counts, count)] == count:
                return run.batch
        return None

    def batches_of(self, trial: str) -> set[str]:
        """Names of the batches that hold rows of a trial."""
        return {run.batch for run in self._runs.get(trial, ())}

    def remove(self, trial: str) -> None:
        """Remove a trial from the index."""
        self._runs.pop(trial, None)
