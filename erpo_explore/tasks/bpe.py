"""Byte-pair pieces as tokens (Sennrich et al. 2016), through the `tokenizers` library.

Pieces consist of the bytes of the train split. A piece at the beginning of a word begins with the byte of a space.
Words with any characters are therefore restored exactly. Only bytes that the train split lacks are unknown.

Pieces do not cross words. So the words of a text are counted once, pieces are learned from the counts, and each
distinct word is encoded once. That is several times faster than the text itself, with the same result.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, final

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as Chain
from tokenizers.trainers import BpeTrainer
from typing_extensions import override

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.sentences import Sentences
from erpo_explore.tasks.vocabulary import NUM_SPECIAL, UNKNOWN, Vocabulary, count_words, unknown_or_spaced

__all__ = ["BpeVocabulary"]

# No text can spell these: no piece contains a space, since its bytes are written as other characters.
_SPECIAL: Final = (" pad", " bos", " eos", " unk")

_MOST_TRAINED_WORDS: Final = 2_000_000
"""Words of text that pieces are learned from. The counts of a longer text are divided by a whole number."""

_LINES_AT_ONCE: Final = 50_000
"""Lines that are encoded at once."""

_MOST_KNOWN_WORDS: Final = 500_000
"""Words whose pieces are remembered while a text is encoded."""


@final
class BpeVocabulary(Vocabulary):
    """Byte-pair pieces of whitespace-separated words."""

    def __init__(self, tokenizer: Tokenizer, symbols: Symbols | None = None) -> None:
        """Wrap a trained tokenizer; `from_lines` trains one.

        Args:
            tokenizer: Tokenizer whose ids 0 to 3 are the special tokens.
            symbols: Ids of the special tokens, 0 to 3.
        """
        self.symbols = Symbols() if symbols is None else symbols
        self._tokenizer = tokenizer
        ids = tokenizer.get_vocab()
        self._pieces = tuple(sorted(ids, key=ids.__getitem__))

    @classmethod
    def from_lines(cls, lines: Iterable[str], *, size: int, min_count: int = 1) -> "BpeVocabulary":
        """Learn pieces from lines; the same lines give the same pieces.

        Counts of a text of more than two million words are divided by a whole number, so that learning takes the same
        time. Words that are too rare for that only add their bytes.

        Args:
            lines: Text of the train split.
            size: Maximum number of entries, including the special tokens.
            min_count: Pairs of pieces that occur less often are not merged.

        Raises:
            ConfigError: The text has more distinct bytes than `size` admits.
            DataError: There is no text.
        """
        counts = _counts_as_bytes(count_words(lines))
        divisor = max(1, -(-sum(counts.values()) // _MOST_TRAINED_WORDS))
        trained = Tokenizer(BPE(unk_token=_SPECIAL[-1]))
        trainer = BpeTrainer(
            vocab_size=size,
            min_frequency=-(-min_count // divisor),
            special_tokens=list(_SPECIAL),
            initial_alphabet=sorted(set().union(*counts)),
            show_progress=False,
        )
        # the library counts words itself, so each is repeated
        trained.train_from_iterator(([word] * round(count / divisor) for word, count in counts.items()), trainer)
        num_entries = trained.get_vocab_size()
        if num_entries == NUM_SPECIAL:
            raise DataError("vocabulary: the train split has no text to learn byte-pair pieces from; add train pairs")
        if num_entries > size:
            raise ConfigError(
                f"vocabulary.size must be >= {num_entries}, the special tokens and distinct bytes of the train split, "
                f"got {size}; raise it"
            )
        return cls(_without_special_text(trained))

    def __len__(self) -> int:
        """Number of ids, including the special ones."""
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """One id per piece."""
        return list(self._tokenizer.encode(_single_spaced(text)).ids)

    @override
    def encode_lines(self, lines: Sequence[str]) -> Sentences:
        return Sentences.joined(self._encoded_parts(lines))

    def _encoded_parts(self, lines: Sequence[str]) -> Iterator[Sentences]:
        """Ids of the next lines; each distinct word is encoded once."""
        numbers, pieces = _NumberedWords(), Sentences.from_rows([])
        for start in range(0, len(lines), _LINES_AT_ONCE):
            if len(numbers) > _MOST_KNOWN_WORDS:
                numbers, pieces = _NumberedWords(), Sentences.from_rows([])
            some = lines[start : start + _LINES_AT_ONCE]
            words = Sentences.from_rows(map(numbers.__getitem__, line.split()) for line in some)
            new = islice(numbers, len(pieces), None)
            pieces = Sentences.joined([pieces, Sentences.from_rows(self._tokenizer.encode(word).ids for word in new)])
            flat = pieces.take(words.tokens_N)
            yield Sentences(flat.tokens_N, flat.ends_M[words.ends_M])

    def decode(self, ids: Sequence[int]) -> str:
        """Join pieces to words, up to EOS; bytes that are no UTF-8 become U+FFFD."""
        parts: list[str] = []
        pieces: list[str] = []
        for token in ids:
            if token == self.symbols.eos:
                break
            if token in (self.symbols.pad, self.symbols.bos):
                continue
            if token == self.symbols.unk:
                parts += [self._join(pieces), UNKNOWN]
                pieces = []
            else:
                pieces.append(self._pieces[token])
        parts.append(self._join(pieces))
        return _single_spaced("".join(parts))

    @override
    def not_restored(self, lines: Sequence[str], ids: Sentences) -> list[int]:
        return unknown_or_spaced(lines, ids, self.symbols.unk)

    def to_dict(self) -> dict[str, Any]:
        """The pieces with their ids, and the merges in their order."""
        model = json.loads(self._tokenizer.to_str())["model"]
        return {"kind": "bpe", "pieces": model["vocab"], "merges": model["merges"]}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "BpeVocabulary":
        """Read what `to_dict` wrote."""
        return cls(_tokenizer(written["pieces"], written["merges"]))

    def _join(self, pieces: list[str]) -> str:
        return str(self._tokenizer.decoder.decode(pieces)) if pieces else ""


def _words_as_bytes() -> PreTokenizer:
    # Split at the plain space alone: `_single_spaced` has put one wherever Python sees white space. The library defines
    # white space differently.
    return Chain([Split(" ", behavior="removed"), ByteLevel(add_prefix_space=True, use_regex=False)])


class _NumberedWords(dict[str, int]):
    """Words, numbered when they are first looked up."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def _counts_as_bytes(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts of words, spelled as pieces spell them: a character per byte."""
    spell = ByteLevel(add_prefix_space=True, use_regex=False).pre_tokenize_str
    return {spell(word)[0][0]: count for word, count in counts.items()}


def _without_special_text(trained: Tokenizer) -> Tokenizer:
    """Copy the pieces into a tokenizer that does not search the text for special tokens."""
    model = json.loads(trained.to_str())["model"]
    return _tokenizer(model["vocab"], model["merges"])


def _tokenizer(pieces: Mapping[str, int], merges: Iterable[Sequence[str]]) -> Tokenizer:
    """The tokenizer of pieces and merges, without special text."""
    pairs = [(left, right) for left, right in merges]
    tokenizer = Tokenizer(BPE(vocab=dict(pieces), merges=pairs, unk_token=_SPECIAL[-1]))
    tokenizer.pre_tokenizer = _words_as_bytes()
    tokenizer.decoder = ByteLevelDecoder()
    return tokenizer


def _single_spaced(text: str) -> str:
    return " ".join(text.split())
