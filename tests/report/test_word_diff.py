from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.report.word_diff import MAX_WORDS, word_diff

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "<b>", "é"]), max_size=12).map(" ".join)


def words(pieces, *kinds):
    return " ".join(piece.text for piece in pieces if piece.kind in kinds)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_pieces(reference, hypothesis):
    pieces = word_diff(reference, hypothesis)
    assert words(pieces, "same", "missing") == reference
    assert words(pieces, "same", "extra") == hypothesis


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text):
    assert {piece.kind for piece in word_diff(text, text)} <= {"same"}


def test_only_the_beginning_of_a_very_long_text_is_compared():
    pieces = word_diff("a " * 100_000, "b " * 100_000)
    assert [(piece.kind, len(piece.text.split())) for piece in pieces] == [
        ("missing", MAX_WORDS),
        ("extra", MAX_WORDS),
    ]
