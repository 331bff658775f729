"""Differences between a hypothesis and its reference, word by word."""

from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

__all__ = ["MAX_WORDS", "Piece", "word_diff"]

MAX_WORDS: Final = 300  # per side; matching takes quadratic time


class Piece(NamedTuple):
    """Consecutive words of the same kind.

    Attributes:
        kind: `same` in both, `extra` in the hypothesis only, `missing` from the hypothesis.
        text: The words, separated by single spaces.
    """

    kind: Literal["same", "extra", "missing"]
    text: str


def word_diff(reference: str, hypothesis: str) -> tuple[Piece, ...]:
    """Mark the extra and missing words of a hypothesis; of long texts only the first 300 words.

    Args:
        reference: Words separated by white space.
        hypothesis: Words separated by white space.

    Example:
        >>> [tuple(piece) for piece in word_diff("a small house", "a house stands")]
        [('same', 'a'), ('missing', 'small'), ('same', 'house'), ('extra', 'stands')]
    """
    expected, decoded = reference.split()[:MAX_WORDS], hypothesis.split()[:MAX_WORDS]
    pieces: list[Piece] = []
    for tag, first, last, start, end in SequenceMatcher(None, expected, decoded, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", " ".join(decoded[start:end])))
            continue
        if first < last:
            pieces.append(Piece("missing", " ".join(expected[first:last])))
        if start < end:
            pieces.append(Piece("extra", " ".join(decoded[start:end])))
    return tuple(pieces)
