"""The baseline that needs no model."""

from benchmarks.studies.lead import lead


def test_the_first_words_are_taken_and_a_shorter_source_is_whole():
    assert lead(["a small tool for maps", "one word"], 3) == ["a small tool", "one word"]
