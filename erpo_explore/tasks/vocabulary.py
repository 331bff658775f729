"""Vocabularies, which encode text as token ids: the interface, and whole words as tokens."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, final

from typing_extensions import override

from erpo_explore.errors import DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.sentences import Sentences

__all__ = ["NUM_SPECIAL", "UNKNOWN", "Vocabulary", "WordVocabulary", "count_words", "unknown_or_spaced"]

NUM_SPECIAL: Final = 4
"""Ids 0 to 3 are pad, BOS, EOS and unknown in every vocabulary that is built here."""

UNKNOWN: Final = "<unk>"
"""Text of the unknown token."""


class Vocabulary(ABC):
    """Tokens of one side of a task. It can be pickled, since it is sent to the workers."""

    symbols: Symbols
    """Ids of the special tokens."""

    tokens_are_words: ClassVar[bool] = False
    """Whether each token is one whitespace-separated word of the decoded text."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of ids, including the special ones; each id is smaller."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Ids of a line of text, without BOS and EOS."""

    def encode_lines(self, lines: Sequence[str]) -> Sentences:
        """The ids of many lines, equal to those of `encode` for each line."""
        return Sentences.from_rows(map(self.encode, lines))

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids: words separated by single spaces, up to the first EOS, without pad and BOS.

        For text of known words, `decode(encode(text)) == " ".join(text.split())`.
        """

    def not_restored(self, lines: Sequence[str], ids: Sentences) -> list[int]:
        """Indices of the lines that `decode` does not give back exactly, in rising order.

        Args:
            lines: Lines of text.
            ids: Their ids.
        """
        return [index for index, (line, row) in enumerate(zip(lines, ids, strict=True)) if self.decode(row) != line]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As values for JSON, with the `kind` first; `vocabulary_file.read_vocabulary` is the inverse."""


def unknown_or_spaced(lines: Sequence[str], ids: Sentences, unk: int) -> list[int]:
    """Indices of the lines that have an unknown token, or other white space than single spaces between words."""
    unknown = set(ids.rows_with(unk).tolist())
    return [index for index, line in enumerate(lines) if index in unknown or line != " ".join(line.split())]


def count_words(lines: Iterable[str]) -> Counter[str]:
    """Occurrences of each whitespace-separated word."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line.split())
    return counts


@final
class WordVocabulary(Vocabulary):
    """Whitespace-separated words; more frequent words have smaller ids.

    A word `<unk>` in the text (as in Gigaword) is encoded as the unknown token.
    """

    tokens_are_words: ClassVar[bool] = True

    def __init__(self, words: Sequence[str], symbols: Symbols | None = None) -> None:
        """Number the words in the given order.

        Args:
            words: Distinct words, without the special tokens.
            symbols: Ids of the special tokens, 0 to 3.
        """
        self.symbols = Symbols() if symbols is None else symbols
        self._words = tuple(words)
        self._ids = {word: NUM_SPECIAL + index for index, word in enumerate(self._words)}
        self._ids[UNKNOWN] = self.symbols.unk

    @classmethod
    def from_lines(cls, lines: Iterable[str], *, min_count: int = 1, size: int | None = None) -> "WordVocabulary":
        """Build the vocabulary of lines.

        Args:
            lines: Text of the train split.
            min_count: Rarer words are left out.
            size: Maximum number of entries, including the special tokens. None: no limit.

        Raises:
            DataError: No word is left.
        """
        counts = count_words(lines)
        del counts[UNKNOWN]
        frequent = [(word, count) for word, count in counts.items() if count >= min_count]
        if not frequent:
            raise DataError(
                f"vocabulary: no word of the train split occurs min_count={min_count} times; lower vocabulary.min_count"
            )
        frequent.sort(key=lambda entry: (-entry[1], entry[0]))
        num_words = None if size is None else size - NUM_SPECIAL
        return cls([word for word, _ in frequent[:num_words]])

    def __len__(self) -> int:
        """Number of ids, including the special ones."""
        return NUM_SPECIAL + len(self._words)

    def encode(self, text: str) -> list[int]:
        """One id per word."""
        return [self._ids.get(word, self.symbols.unk) for word in text.split()]

    @override
    def encode_lines(self, lines: Sequence[str]) -> Sentences:
        known = _KnownWords(self._ids, self.symbols.unk)
        return Sentences.from_rows(map(known.__getitem__, line.split()) for line in lines)

    def decode(self, ids: Sequence[int]) -> str:
        """One word per id, up to EOS."""
        words: list[str] = []
        for token in ids:
            if token == self.symbols.eos:
                break
            if token in (self.symbols.pad, self.symbols.bos):
                continue
            words.append(UNKNOWN if token == self.symbols.unk else self._words[token - NUM_SPECIAL])
        return " ".join(words)

    @override
    def not_restored(self, lines: Sequence[str], ids: Sentences) -> list[int]:
        return unknown_or_spaced(lines, ids, self.symbols.unk)

    def to_dict(self) -> dict[str, Any]:
        """The words, in the order of their ids."""
        return {"kind": "word", "words": list(self._words)}


class _KnownWords(dict[str, int]):
    """Ids by word, with the unknown token for any other word; faster than `dict.get` with a default."""

    def __init__(self, ids: Mapping[str, int], unk: int) -> None:
        super().__init__(ids)
        self._unk = unk

    def __missing__(self, word: str) -> int:
        return self._unk
