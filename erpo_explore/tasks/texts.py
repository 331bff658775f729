"""Lines of text in flat arrays, which processes can share.

Legend: N bytes of all lines, K kept lines, M = K + 1, B chosen sentences.

Tokens do not give the text of a reference back where a word is unknown. A reward that reads text needs that text, so it
is kept for these references alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Int, UInt8

__all__ = ["Texts"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Lines of some of many sentences.

    >>> texts = Texts.of([(1, "zwei"), (4, "fünf")])
    >>> texts.at([4, 0, 1])
    ['fünf', None, 'zwei']

    Attributes:
        bytes_N: The lines in UTF-8, one after the other.
        ends_M: Where each line ends in `bytes_N`, after a leading 0.
        index_K: Sentence of each line, in rising order.
    """

    bytes_N: UInt8[np.ndarray, " N"]
    ends_M: Int[np.ndarray, " M"]
    index_K: Int[np.ndarray, " K"]

    @classmethod
    def of(cls, lines: Iterable[tuple[int, str]]) -> "Texts":
        """Keep lines, each with the index of its sentence, in rising order."""
        content, ends, indices = bytearray(), [0], []
        for index, line in lines:
            content += line.encode("utf-8", "surrogatepass")
            ends.append(len(content))
            indices.append(index)
        return cls(np.frombuffer(bytes(content), np.uint8), np.array(ends, np.int64), np.array(indices, np.int64))

    def __len__(self) -> int:
        """Number of kept lines."""
        return len(self.index_K)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Texts):
            return NotImplemented
        ours, theirs = (
            (texts.bytes_N.tobytes(), texts.ends_M.tolist(), texts.index_K.tolist()) for texts in (self, other)
        )
        return ours == theirs

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def at(self, index_B: Sequence[int]) -> list[str | None]:
        """Lines of chosen sentences; None where none is kept."""
        if len(self) == 0:
            return [None] * len(index_B)
        row_B = np.searchsorted(self.index_K, index_B).clip(max=len(self) - 1)
        rows = zip(row_B.tolist(), self.index_K[row_B].tolist(), index_B, strict=True)
        return [self._line(row) if kept == index else None for row, kept, index in rows]

    def take(self, index_B: Int[np.ndarray, " B"]) -> "Texts":
        """Lines of chosen sentences, which are numbered anew from 0."""
        lines = enumerate(self.at(index_B.tolist()))
        return Texts.of((number, line) for number, line in lines if line is not None)

    def _line(self, row: int) -> str:
        return self.bytes_N[self.ends_M[row] : self.ends_M[row + 1]].tobytes().decode("utf-8", "surrogatepass")
