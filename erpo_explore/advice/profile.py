"""A profile of a corpus: what its text looks like, as numbers that settings can be chosen from.

Left out: any judgement. `choose` decides what follows from the numbers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.script import UNSPACED, is_attached, is_marked, script

__all__ = ["Profile", "Side", "measure"]

_MOST_LINES: Final = 50_000
"""Train pairs that are looked at, evenly over the corpus; more would change no choice."""

_HELD_OUT: Final = 10
"""Without a validation split, every tenth train pair stands for unseen text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The sources or the targets of a corpus. Words are what spaces separate.

    Attributes:
        words: Mean number of words per line.
        longest_words: Number of words that 99 of 100 lines do not exceed.
        longest_chars: Number of characters that 99 of 100 lines do not exceed.
        chars_per_word: Mean length of a word.
        num_words: Number of words in all train lines.
        num_types: Number of different words in the lines that were looked at.
        unknown: Share of words in unseen lines that occur less than twice in the train lines.
        attached: Share of words that begin or end with a punctuation mark, such as `bushes.`
        upper: Share of letters that are upper-case.
        script: Most frequent script, such as latin, cyrillic or cjk; empty where there are no letters.
        unspaced: Share of letters of scripts without spaces between words.
        marked: Share of words with a mark of pieces, `@@` or `▁`.
    """

    words: float
    longest_words: int
    longest_chars: int
    chars_per_word: float
    num_words: int
    num_types: int
    unknown: float
    attached: float
    upper: float
    script: str
    unspaced: float
    marked: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A corpus in numbers.

    Attributes:
        train_pairs: Number of train pairs.
        validation_pairs: Number of validation pairs; 0 where there is no such split.
        test_pairs: Number of test pairs; 0 likewise.
        repeated: Share of train pairs that are a copy of an earlier one.
        seen: Share of validation pairs whose source is also a train source.
        source: The sources.
        target: The targets.
        copied: Share of a target's words that are also in its source.
    """

    train_pairs: int
    validation_pairs: int
    test_pairs: int
    repeated: float
    seen: float
    source: Side
    target: Side
    copied: float


def measure(corpus: Corpus) -> Profile:
    """Measure a corpus.

    Args:
        corpus: Its splits; the train split must not be empty.
    """
    looked_at = corpus.train[:: max(1, len(corpus.train) // _MOST_LINES)]
    unseen: Sequence[Pair] = corpus.validation
    known: Sequence[Pair] = looked_at
    if not unseen:
        unseen = looked_at[::_HELD_OUT] if len(looked_at) > 1 else ()
        known = [pair for index, pair in enumerate(looked_at) if index % _HELD_OUT]
    scale = len(corpus.train) / max(1, len(looked_at))
    sides = [
        _side(
            [pair[side] for pair in looked_at],
            [pair[side] for pair in known],
            [pair[side] for pair in unseen],
            scale,
        )
        for side in (0, 1)
    ]
    sources = {source for source, _ in corpus.train}
    return Profile(
        train_pairs=len(corpus.train),
        validation_pairs=len(corpus.validation),
        test_pairs=len(corpus.test),
        repeated=1.0 - len(set(corpus.train)) / len(corpus.train),
        seen=_share(source in sources for source, _ in corpus.validation),
        source=sides[0],
        target=sides[1],
        copied=_copied(looked_at),
    )


def _side(lines: Sequence[str], known: Sequence[str], unseen: Sequence[str], scale: float) -> Side:
    counts = Counter(word for line in lines for word in line.split())
    num_words = sum(counts.values())
    words_per_line = sorted(len(line.split()) for line in lines)
    chars_per_line = sorted(map(len, lines))
    letters: Counter[str] = Counter()
    for word, count in counts.items():
        for char in word:
            if char.isalpha():
                letters[char] += count
    num_letters = max(1, letters.total())
    scripts: Counter[str] = Counter()
    for char, count in letters.items():
        scripts[script(char)] += count
    return Side(
        words=num_words / len(lines),
        longest_words=_percentile(words_per_line),
        longest_chars=_percentile(chars_per_line),
        chars_per_word=sum(len(word) * count for word, count in counts.items()) / max(1, num_words),
        num_words=round(num_words * scale),
        num_types=len(counts),
        unknown=_unknown(known, unseen),
        attached=sum(count for word, count in counts.items() if is_attached(word)) / max(1, num_words),
        upper=sum(count for char, count in letters.items() if char.isupper()) / num_letters,
        script=scripts.most_common(1)[0][0].lower() if scripts else "",
        unspaced=sum(scripts[name] for name in UNSPACED) / num_letters,
        marked=sum(count for word, count in counts.items() if is_marked(word)) / max(1, num_words),
    )


def _percentile(ordered: Sequence[int]) -> int:
    """The value that 99 of 100 do not exceed."""
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def _unknown(known: Sequence[str], unseen: Sequence[str]) -> float:
    counts = Counter(word for line in known for word in line.split())
    return _share(counts[word] < 2 for line in unseen for word in line.split())


def _share(holds: Iterable[bool]) -> float:
    values = list(holds)
    return sum(values) / len(values) if values else 0.0


def _copied(pairs: Sequence[Pair]) -> float:
    num_copied = num_words = 0
    for source, target in pairs:
        words, source_words = target.split(), set(source.split())
        num_words += len(words)
        num_copied += sum(word in source_words for word in words)
    return num_copied / max(1, num_words)
