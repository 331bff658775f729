"""Byte-pair pieces as tokens (Sennrich et al. 2016), through the `tokenizers` library.

Pieces consist of the bytes of the train split. A piece at the beginning of a word begins with the byte of a space.
Words with any characters are therefore restored exactly. Only bytes that the train split lacks are unknown.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final, final

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as Chain
from tokenizers.trainers import BpeTrainer

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.vocabulary import NUM_SPECIAL, UNKNOWN, Vocabulary

__all__ = ["BpeVocabulary"]

# No text can spell these: no piece contains a space, since its bytes are written as other characters.
_SPECIAL: Final = (" pad", " bos", " eos", " unk")


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

        Args:
            lines: Text of the train split.
            size: Maximum number of entries, including the special tokens.
            min_count: Pairs of pieces that occur less often are not merged.

        Raises:
            ConfigError: The text has more distinct bytes than `size` admits.
            DataError: There is no text.
        """
        trained = Tokenizer(BPE(unk_token=_SPECIAL[-1]))
        trained.pre_tokenizer = _words_as_bytes()
        trainer = BpeTrainer(
            vocab_size=size, min_frequency=min_count, special_tokens=list(_SPECIAL), show_progress=False
        )
        trained.train_from_iterator((_single_spaced(line) for line in lines), trainer)
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

    def _join(self, pieces: list[str]) -> str:
        return str(self._tokenizer.decoder.decode(pieces)) if pieces else ""


def _words_as_bytes() -> PreTokenizer:
    # Split at the plain space alone: `_single_spaced` has put one wherever Python sees white space. The library defines
    # white space differently.
    return Chain([Split(" ", behavior="removed"), ByteLevel(add_prefix_space=True, use_regex=False)])


def _without_special_text(trained: Tokenizer) -> Tokenizer:
    """Copy the pieces into a tokenizer that does not search the text for special tokens."""
    model = json.loads(trained.to_str())["model"]
    merges = [(left, right) for left, right in model["merges"]]
    tokenizer = Tokenizer(BPE(vocab=model["vocab"], merges=merges, unk_token=_SPECIAL[-1]))
    tokenizer.pre_tokenizer = _words_as_bytes()
    tokenizer.decoder = ByteLevelDecoder()
    return tokenizer


def _single_spaced(text: str) -> str:
    return " ".join(text.split())
