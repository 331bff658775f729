"""What every reader returns: the text of a task before anything is counted or numbered."""

from dataclasses import dataclass

__all__ = ["Corpus", "Pair"]

Pair = tuple[str, str]
"""A source and its reference, one line each, neither empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The pairs of the three splits; any of them may be empty."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]
