import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.errors import DataError
from erpo_explore.tasks import WordVocabulary

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda word: len(word.split()) == 1)
LINES = st.lists(WORDS, min_size=1).map(" ".join)


@given(st.lists(LINES, min_size=1))
def test_known_words_round_trip(lines: list[str]) -> None:
    vocabulary = WordVocabulary.from_lines([*lines, "anchor"])
    for line in lines:
        assert vocabulary.decode(vocabulary.encode(line)) == " ".join(line.split())


@given(st.lists(LINES, min_size=1), st.lists(LINES | st.just("<unk> ")))
def test_many_lines_are_encoded_like_each_of_them(known: list[str], lines: list[str]) -> None:
    vocabulary = WordVocabulary.from_lines([*known, "anchor"])
    assert [list(ids) for ids in vocabulary.encode_lines(lines)] == [vocabulary.encode(line) for line in lines]


@given(st.lists(LINES, min_size=1))
def test_ids_do_not_depend_on_the_order_of_the_lines(lines: list[str]) -> None:
    text = " ".join(lines)
    forward = WordVocabulary.from_lines([*lines, "anchor"])
    backward = WordVocabulary.from_lines(["anchor", *reversed(lines)])
    assert forward.encode(text) == backward.encode(text)


def test_frequent_words_come_first_and_ties_in_alphabetical_order() -> None:
    vocabulary = WordVocabulary.from_lines(["c b a", "b c", "b"])
    assert vocabulary.encode("b c a") == [4, 5, 6]
    assert WordVocabulary.from_lines(["z y x"]).encode("x y z") == [4, 5, 6]


def test_words_below_the_count_are_unknown() -> None:
    vocabulary = WordVocabulary.from_lines(["a a b"], min_count=2)
    assert vocabulary.encode("a b") == [4, 3]
    assert vocabulary.decode([4, 3]) == "a <unk>"


def test_size_bounds_all_entries() -> None:
    vocabulary = WordVocabulary.from_lines(["a a b b c"], size=6)
    assert len(vocabulary) == 6
    assert vocabulary.encode("a b c") == [4, 5, 3]


def test_an_unknown_word_in_the_text_stays_unknown() -> None:
    vocabulary = WordVocabulary.from_lines(["the <unk> <unk> dog"])
    assert vocabulary.encode("the <unk>") == [5, 3]
    assert vocabulary.decode([5, 3]) == "the <unk>"
    assert len(vocabulary) == 6


def test_decoding_ends_at_eos_and_skips_padding_and_bos() -> None:
    vocabulary = WordVocabulary.from_lines(["a b"])
    assert vocabulary.decode([1, 4, 0, 5, 2, 4]) == "a b"
    assert vocabulary.decode([]) == ""


def test_a_text_cannot_spell_a_special_token() -> None:
    vocabulary = WordVocabulary.from_lines(["<pad> <s> </s> <bos> <eos>"])
    assert min(vocabulary.encode("<pad> <s> </s> <bos> <eos>")) >= 4


@pytest.mark.parametrize(("lines", "min_count"), [([], 1), (["a b c"], 2), (["<unk>"], 1)])
def test_a_vocabulary_without_words_is_an_error(lines: list[str], min_count: int) -> None:
    with pytest.raises(DataError, match=r"min_count=.*lower vocabulary\.min_count"):
        WordVocabulary.from_lines(lines, min_count=min_count)
