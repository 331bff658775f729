"""Text of a task as every reader returns it, before vocabularies are built."""

from dataclasses import dataclass

__all__ = ["Corpus", "Pair"]

Pair = tuple[str, str]
"""A source and its reference: one non-empty line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The pairs of the three splits; any of them may be empty."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]
