"""What is measured of a text, against counts that can be checked by hand."""

import pytest

from erpo_explore.advice.profile import measure
from tests.advice.corpora import corpus, cyrillic, german, kanji, pieces, raw, spelling, thai


def test_pairs_are_counted_per_split() -> None:
    profile = measure(corpus(german(60), validation=german(5), test=german(7)))
    assert (profile.train_pairs, profile.validation_pairs, profile.test_pairs) == (60, 5, 7)


def test_words_and_lengths_are_those_of_the_lines() -> None:
    source = measure(corpus([("a bb ccc", "x"), ("a", "x")])).source
    assert (source.words, source.longest_words, source.longest_chars, source.num_words) == (2.0, 3, 8, 4)
    assert source.chars_per_word == pytest.approx(7 / 4)


def test_unknown_words_are_those_that_train_has_less_than_twice() -> None:
    profile = measure(corpus([("a b", "x"), ("a c", "x")], validation=[("a b c d", "x")]))
    assert profile.source.unknown == pytest.approx(3 / 4)


def test_without_validation_every_tenth_train_pair_is_unseen() -> None:
    pairs = [(f"word{index // 10}", "x") for index in range(100)]
    assert measure(corpus(pairs)).source.unknown == 0.0
    assert measure(corpus([(f"word{index}", "x") for index in range(100)])).source.unknown == 1.0


@pytest.mark.parametrize(
    ("pairs", "side", "script"),
    [
        (german(), "source", "latin"),
        (cyrillic(), "target", "cyrillic"),
        (kanji(), "target", "cjk"),
        (thai(), "source", "thai"),
    ],
    ids=["german", "russian", "chinese", "thai"],
)
def test_the_script_is_that_of_most_letters(pairs: list[tuple[str, str]], side: str, script: str) -> None:
    assert getattr(measure(corpus(pairs)), side).script == script


def test_scripts_without_spaces_are_told_from_those_with_them() -> None:
    profile = measure(corpus(kanji()))
    assert (profile.source.unspaced, profile.target.unspaced) == (0.0, 1.0)


def test_attached_punctuation_is_told_from_punctuation_that_stands_alone() -> None:
    assert measure(corpus(german())).source.attached == 0.0
    assert measure(corpus([("Yes, we can .", "x")])).source.attached == pytest.approx(1 / 4)


def test_upper_case_is_a_share_of_letters() -> None:
    assert measure(corpus([("Ab cD", "x")])).source.upper == pytest.approx(1 / 2)
    assert measure(corpus(raw())).target.upper > 0.0


def test_text_without_letters_has_no_script() -> None:
    assert measure(corpus([("1 2 3", "4")])).source.script == ""


def test_marks_of_pieces_are_seen() -> None:
    assert measure(corpus(pieces())).source.marked == pytest.approx(1 / 4)


def test_copies_among_the_train_pairs_are_a_share_of_them() -> None:
    assert measure(corpus([("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")])).repeated == pytest.approx(1 / 4)


def test_validation_sources_that_are_trained_on_are_seen() -> None:
    assert measure(corpus([("a", "x"), ("b", "x")], validation=[("a", "y"), ("c", "y")])).seen == pytest.approx(1 / 2)


def test_a_single_pair_can_be_measured() -> None:
    assert measure(corpus([("a", "x")])).source.unknown == 0.0


def test_a_large_corpus_is_counted_whole_from_a_sample() -> None:
    profile = measure(corpus([("a b", "x")] * 120_000))
    assert profile.source.num_words == pytest.approx(240_000, rel=0.01)


def test_symbols_are_short_and_few() -> None:
    target = measure(corpus(spelling())).target
    assert target.num_types == 8
    assert target.chars_per_word < 2.0
