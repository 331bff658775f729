"""Token ids of many sentences in two flat arrays, which processes can share.

Legend: N tokens of all sentences, M sentences + 1, B chosen sentences, L longest of them.

Ray places numpy arrays in shared memory, and a worker reads them there without a copy. Tuples of Python integers take
ten times the memory, in each worker.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final, overload

import numpy as np
from jaxtyping import Int

__all__ = ["Sentences"]

_ROWS_AT_ONCE: Final = 100_000
"""Sentences that are copied at once: the index of each token is an int64."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Sentences(Sequence[tuple[int, ...]]):
    """A sequence of token ids per sentence, in two arrays.

    >>> sentences = Sentences.from_rows([[7, 8], [], [9]])
    >>> sentences[0], len(sentences), sentences.tokens_N
    ((7, 8), 3, array([7, 8, 9], dtype=int32))

    Attributes:
        tokens_N: Tokens of all sentences, one after the other.
        ends_M: Where each sentence ends in `tokens_N`, after a leading 0.
    """

    tokens_N: Int[np.ndarray, " N"]
    ends_M: Int[np.ndarray, " M"]

    @classmethod
    def from_rows(cls, rows: Iterable[Iterable[int]]) -> "Sentences":
        """Flatten rows of ids."""
        tokens, ends = array("i"), array("q", [0])
        for row in rows:
            tokens.extend(row)
            ends.append(len(tokens))
        return cls(np.frombuffer(tokens, np.int32), np.frombuffer(ends, np.int64))

    @classmethod
    def joined(cls, parts: Iterable["Sentences"]) -> "Sentences":
        """All sentences of several parts, one part after the other."""
        tokens, ends = array("i"), array("q", [0])
        for part in parts:
            ends.frombytes((part.ends_M[1:] + len(tokens)).tobytes())
            tokens.frombytes(part.tokens_N.tobytes())
        return cls(np.frombuffer(tokens, np.int32), np.frombuffer(ends, np.int64))

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self.ends_M) - 1

    @overload
    def __getitem__(self, index: int) -> tuple[int, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> "Sentences": ...

    def __getitem__(self, index: int | slice) -> "tuple[int, ...] | Sentences":
        """The ids of one sentence, or some of the sentences."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        number = range(len(self))[index]
        return tuple(self.tokens_N[self.ends_M[number] : self.ends_M[number + 1]].tolist())

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sentences):
            return NotImplemented
        return np.array_equal(self.ends_M, other.ends_M) and np.array_equal(self.tokens_N, other.tokens_N)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def lengths(self) -> Int[np.ndarray, " B"]:
        """Tokens per sentence."""
        return np.diff(self.ends_M)

    def lengths_of(self, index_B: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
        """Tokens of chosen sentences."""
        length_B: Int[np.ndarray, " B"] = self.ends_M[1:][index_B] - self.ends_M[:-1][index_B]
        return length_B

    def rows_with(self, token: int) -> Int[np.ndarray, " B"]:
        """Indices of the sentences that have a token, in rising order."""
        at = np.flatnonzero(self.tokens_N == token)
        return np.unique(np.searchsorted(self.ends_M, at, side="right") - 1)

    def take(self, index_B: Int[np.ndarray, " B"]) -> "Sentences":
        """Chosen sentences, in the order of their indices."""
        return self._copy(self.ends_M[:-1][index_B], self.lengths_of(index_B))

    def cut(self, longest: int) -> "Sentences":
        """The same sentences without the tokens after the first `longest`; unchanged where none is longer."""
        lengths = self.lengths
        if not (lengths > longest).any():
            return self
        return self._copy(self.ends_M[:-1], np.minimum(lengths, longest))

    def padded(
        self, index_B: Int[np.ndarray, " B"], *, eos: int, pad: int
    ) -> tuple[Int[np.ndarray, "B L"], Int[np.ndarray, " B"]]:
        """Chosen sentences as rows that EOS ends and padding fills, and their lengths, including EOS."""
        starts_B = self.ends_M[index_B]
        length_B = self.ends_M[index_B + 1] - starts_B + 1
        column_L = np.arange(length_B.max())
        # behind its end a row reads any token, which is then replaced
        position_BL = np.minimum(starts_B[:, None] + column_L, max(0, len(self.tokens_N) - 1))
        rows_BL = self.tokens_N[position_BL] if len(self.tokens_N) else np.zeros(position_BL.shape, np.int32)
        last_BL = length_B[:, None] - 1
        padded_BL = np.where(column_L < last_BL, rows_BL, np.where(column_L == last_BL, eos, pad))
        return padded_BL.astype(np.int64), length_B

    def _copy(self, starts_B: Int[np.ndarray, " B"], length_B: Int[np.ndarray, " B"]) -> "Sentences":
        """Copy the tokens from each start on."""
        ends_M = np.concatenate([np.zeros(1, np.int64), np.cumsum(length_B)])
        tokens_N = np.empty(ends_M[-1], np.int32)
        for first in range(0, len(length_B), _ROWS_AT_ONCE):
            some = slice(first, first + _ROWS_AT_ONCE)
            begin, end = ends_M[first], ends_M[1:][some][-1]
            offset_N = np.repeat(starts_B[some] - ends_M[:-1][some], length_B[some])
            tokens_N[begin:end] = self.tokens_N[offset_N + np.arange(begin, end)]
        return Sentences(tokens_N, ends_M)
