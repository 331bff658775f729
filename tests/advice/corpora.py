"""Corpora of a few dozen generated pairs, one for each kind of text that a choice depends on."""

from collections.abc import Sequence

from erpo_explore.tasks.corpus import Corpus, Pair

__all__ = ["corpus", "cyrillic", "german", "kanji", "pieces", "raw", "spelling", "summaries", "thai"]


def corpus(pairs: Sequence[Pair], *, validation: Sequence[Pair] = (), test: Sequence[Pair] = ()) -> Corpus:
    return Corpus(train=tuple(pairs), validation=tuple(validation), test=tuple(test))


def german(count: int = 60) -> list[Pair]:
    """Tokenised, lower-cased, twelve words, no rare word."""
    words = ["der", "hund", "läuft", "über", "die", "grüne", "wiese", "und", "sucht", "den", "ball", "."]
    return [
        (" ".join(words[index % 12 :] + words[: index % 12]), " ".join(words[index % 7 :] + words[: index % 7]))
        for index in range(count)
    ]


def raw(count: int = 60) -> list[Pair]:
    """Cased, with the punctuation attached."""
    return [
        (f"Der Hund, er läuft „schnell“ {index % 9}.", f"The dog, it runs “fast” {index % 9}.")
        for index in range(count)
    ]


def cyrillic(count: int = 60) -> list[Pair]:
    words = ["собака", "бежит", "по", "зелёной", "траве", "и", "ищет", "свой", "старый", "мяч"]
    return [(" ".join(words), " ".join(reversed(words))) for _ in range(count)]


def kanji(count: int = 60) -> list[Pair]:
    return [("two young men are outside near many bushes", "两个年轻人在户外的许多灌木丛旁边") for _ in range(count)]


def thai(count: int = 60) -> list[Pair]:
    return [("ชายหนุ่มสองคนอยู่ข้างนอก", "two young men are outside near many bushes") for _ in range(count)]


def spelling(count: int = 60) -> list[Pair]:
    """Letters to phonemes, separated by spaces."""
    return [("p o t a t o e", "p ah t ey t ow"), ("k a t y n", "k ey t ih n")] * (count // 2)


def pieces(count: int = 60) -> list[Pair]:
    return [("ein hund läu@@ ft", "a dog ru@@ ns")] * count


def summaries(count: int = 60) -> list[Pair]:
    return [(f"{source} {source} {source}", target.rsplit(" ", 5)[0]) for source, target in german(count)]
