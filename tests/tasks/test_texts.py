"""Lines in flat arrays are those that were kept, and kept are those that tokens do not give back."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpo_explore.tasks import BpeVocabulary, FilesConfig, Vocabulary, WordVocabulary, load_task
from erpo_explore.tasks.texts import Texts

from .example_tasks import GERMAN, write_files

KEPT = st.dictionaries(st.integers(0, 20), st.text(), max_size=8).map(lambda kept: dict(sorted(kept.items())))
LINES = st.lists(st.text(st.sampled_from("ab ß\t"), min_size=1, max_size=8), max_size=6)


@settings(max_examples=30)
@given(KEPT, st.lists(st.integers(0, 22), max_size=12))
def test_chosen_sentences_have_their_lines(kept: dict[int, str], chosen: list[int]) -> None:
    texts = Texts.of(kept.items())
    assert texts.at(chosen) == [kept.get(index) for index in chosen]
    assert pickle.loads(pickle.dumps(texts)).at(chosen) == texts.at(chosen)
    assert texts.take(np.array(chosen, np.int64)).at(range(len(chosen))) == texts.at(chosen)


def test_a_lone_surrogate_is_kept() -> None:
    assert Texts.of([(0, "\ud800")]).at([0]) == ["\ud800"]


@pytest.mark.parametrize("kind", [WordVocabulary, BpeVocabulary])
@settings(max_examples=30)
@given(lines=LINES)
def test_lines_that_decoding_does_not_give_back_are_found_without_decoding(kind: type, lines: list[str]) -> None:
    vocabulary = kind.from_lines(["a b ab"], **({"size": 12} if kind is BpeVocabulary else {}))
    ids = vocabulary.encode_lines(lines)
    assert vocabulary.not_restored(lines, ids) == Vocabulary.not_restored(vocabulary, lines, ids)


def test_the_train_references_of_a_task_can_be_read_back(tmp_path: Path) -> None:
    lines = ("a rare house", "a house and more words than admitted", "a  house", "a house")
    folder = write_files(tmp_path)
    (folder / "train.en").write_text("\n".join(lines) + "\n")
    (folder / "train.de").write_text("\n".join(GERMAN) + "\n")
    train = load_task(
        FilesConfig.model_validate(
            {"data": folder, "max_target_tokens": 3, "vocabulary": {"kind": "word", "min_count": 2}}
        )
    ).train
    assert train.target_texts.at(range(len(train))) == ["a rare house", "a  house", None]
