from dataclasses import replace

import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import Split, Task, WordVocabulary

VOCABULARY = WordVocabulary.from_lines(["a a a b b c"])


def split(*lines: str) -> Split:
    ids = VOCABULARY.encode_lines(lines)
    return Split(sources=lines, references=lines, source_ids=ids, target_ids=ids)


def task(*lines: str) -> Task:
    return Task(
        name="tiny",
        metric="bleu",
        source_vocabulary=VOCABULARY,
        target_vocabulary=VOCABULARY,
        train=split(*lines),
        validation=split("a b"),
        test=split(),
    )


def test_unigram_frequencies_are_those_of_the_train_targets() -> None:
    assert task("a a b", "a").unigram_V.tolist() == pytest.approx([0, 0, 0, 0, 0.75, 0.25, 0])


def test_unknown_words_have_no_share_of_the_unigram_frequencies() -> None:
    assert task("a x", "b y").unigram_V.tolist() == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0])


def test_targets_without_any_known_word_are_an_error() -> None:
    with pytest.raises(DataError, match="no known word; lower"):
        _ = task("x y").unigram_V


def test_a_split_with_fields_of_different_lengths_is_refused() -> None:
    with pytest.raises(DataError, match="must have equal lengths, got 2, 1, 2, 2"):
        replace(split("a", "b"), references=("a",))


def test_describe_counts_pairs_and_words() -> None:
    expected = "tiny: 2 / 1 / 0 train / validation / test pairs, vocabulary 7 → 7, mean length 2.0 → 2.0 tokens, bleu"
    assert task("a a b", "a").describe() == expected
