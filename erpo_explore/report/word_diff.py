"""What a hypothesis says otherwise than its reference, word by word."""

from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

__all__ = ["MOST_WORDS", "Piece", "word_diff"]

MOST_WORDS: Final = 300  # of either side; matching takes quadratic time, and nobody reads further


class Piece(NamedTuple):
    """Words in a row that share a fate.

    Attributes:
        kind: `same` in both, `extra` in the hypothesis alone, `missing` from it.
        text: The words, with single spaces between.
    """

    kind: Literal["same", "extra", "missing"]
    text: str


def word_diff(reference: str, hypothesis: str) -> tuple[Piece, ...]:
    """The hypothesis with what it has too much and what it lacks; of long texts the first 300 words.

    Args:
        reference: Words separated by white space.
        hypothesis: The same.

    Example:
        >>> [tuple(piece) for piece in word_diff("a small house", "a house stands")]
        [('same', 'a'), ('missing', 'small'), ('same', 'house'), ('extra', 'stands')]
    """
    wanted, said = reference.split()[:MOST_WORDS], hypothesis.split()[:MOST_WORDS]
    pieces: list[Piece] = []
    for tag, first, last, start, end in SequenceMatcher(None, wanted, said, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", " ".join(said[start:end])))
            continue
        if first < last:
            pieces.append(Piece("missing", " ".join(wanted[first:last])))
        if start < end:
            pieces.append(Piece("extra", " ".join(said[start:end])))
    return tuple(pieces)
