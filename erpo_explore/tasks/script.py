"""What a text is: its script, whether it is tokenised, and marks of pieces of words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["MARKS", "UNSPACED", "TextKind", "is_attached", "is_marked", "join_pieces", "mark_of", "script", "text_kind"]

UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""First words of the Unicode names of letters in scripts that put no spaces between words."""

MARKS: Final = ("@@", "▁")
"""Signs of text that was cut into pieces: at the end of a piece (subword-nmt), at its beginning (SentencePiece)."""

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_MARKED: Final = 0.05
_ATTACHED: Final = 0.04
_LONG_UNSPACED: Final = 4.0
"""Characters per word from which text without spaces is not cut into words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextKind:
    """Lines of text in a word or two.

    Attributes:
        script: Script that decides the tokenizer: `japanese`, `korean`, `chinese`, another unspaced one in lower case
            such as `thai`, or empty for scripts with spaces.
        is_tokenised: Whether spaces separate punctuation marks, and the words of an unspaced script.
        words_per_line: Median number of words per line; words are what spaces separate.
        tokens_per_line: The same of words and punctuation marks, of an unspaced script of characters.
    """

    script: str
    is_tokenised: bool
    words_per_line: int
    tokens_per_line: int

    @property
    def has_spaces(self) -> bool:
        """Whether the script puts spaces between words."""
        return self.script in ("", "korean")


def text_kind(lines: Sequence[str]) -> TextKind:
    """Describe lines of text."""
    words = Counter(word for line in lines for word in line.split())
    num_words = max(1, words.total())
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            if char.isalpha():
                letters[script(char)] += count
    num_letters = max(1, letters.total())
    name = _script_name(letters, num_letters)
    attached = sum(count for word, count in words.items() if is_attached(word)) / num_words
    is_tokenised = attached <= _ATTACHED
    if name not in ("", "korean"):
        is_tokenised = is_tokenised and num_letters / num_words < _LONG_UNSPACED and num_words > len(lines)
    return TextKind(
        script=name,
        is_tokenised=is_tokenised,
        words_per_line=_median([len(line.split()) for line in lines]),
        tokens_per_line=_median(
            [len(_TOKEN.findall(line)) if name in ("", "korean") else len("".join(line.split())) for line in lines]
        ),
    )


def _median(lengths: list[int]) -> int:
    return sorted(lengths)[len(lengths) // 2] if lengths else 0


def _script_name(letters: Counter[str], num_letters: int) -> str:
    if letters["HIRAGANA"] + letters["KATAKANA"] > 0.1 * num_letters:
        return "japanese"
    if letters["HANGUL"] > 0.5 * num_letters:
        return "korean"
    if letters["CJK"] > 0.2 * num_letters:
        return "chinese"
    unspaced = {name: letters[name] for name in UNSPACED}
    if sum(unspaced.values()) > 0.2 * num_letters:
        return max(unspaced, key=lambda each: unspaced[each]).lower()
    return ""


def script(letter: str) -> str:
    """First word of the letter's Unicode name, which is its script; of `CJK UNIFIED IDEOGRAPH-4E00`, CJK."""
    return unicodedata.name(letter, "OTHER").split()[0]


def is_attached(word: str) -> bool:
    """Whether a word begins or ends with a punctuation mark, as in "bushes."."""
    return (
        len(word) > 1
        and any(char.isalnum() for char in word)
        and any(unicodedata.category(char).startswith("P") for char in (word[0], word[-1]))
    )


def is_marked(word: str) -> bool:
    """Whether a word has a mark of pieces."""
    return len(word) > 1 and (word.endswith(MARKS[0]) or word.startswith(MARKS[1]))


def mark_of(lines: Sequence[str]) -> str | None:
    """The mark of pieces in lines of text; None where there is none."""
    words = [word for line in lines for word in line.split()]
    ends = sum(len(word) > 2 and word.endswith(MARKS[0]) for word in words)
    begins = sum(len(word) > 1 and word.startswith(MARKS[1]) for word in words)
    if max(ends, begins) <= _MARKED * len(words):
        return None
    return MARKS[0] if ends >= begins else MARKS[1]


def join_pieces(text: str, mark: str) -> str:
    """Text whose pieces are joined to words.

    >>> join_pieces("a lo@@ ne@@ ly dog", "@@"), join_pieces("▁a ▁lo ne ly ▁dog", "▁")
    ('a lonely dog', 'a lonely dog')
    """
    if mark == MARKS[0]:
        return re.sub(r"@@( |$)", "", text)
    return " ".join("".join(text.split()).replace(MARKS[1], " ").split())
