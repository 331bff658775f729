from pathlib import Path

import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import DocstringsConfig, FilesConfig, LearnedVocabularyConfig, Task, ToyConfig, load_task

from .example_tasks import ENGLISH, GERMAN, example, write_files, write_modules


def files(folder: Path, **settings: object) -> FilesConfig:
    return FilesConfig.model_validate({"data": write_files(folder), **settings})


def train_text(task: Task) -> list[tuple[str, str]]:
    return [
        (task.source_vocabulary.decode(source), task.target_vocabulary.decode(target))
        for source, target in zip(task.train.source_ids, task.train.target_ids, strict=True)
    ]


def test_vocabularies_are_learned_from_the_train_split_alone(tmp_path: Path) -> None:
    config = files(tmp_path)
    (tmp_path / "valid.de").write_text("ein haus steht hier .\n" * 4)
    task = load_task(config)
    assert task.source_vocabulary.decode(task.validation.source_ids[0]) == "ein haus steht <unk> ."


def test_too_long_train_pairs_are_left_out(tmp_path: Path) -> None:
    shorter = (load_task(files(tmp_path, **limit)) for limit in ({"max_source_tokens": 4}, {"max_target_tokens": 4}))
    assert [train_text(task) for task in shorter] == [list(zip(GERMAN[1:3], ENGLISH[1:3], strict=True))] * 2


@pytest.mark.parametrize("split", ["validation", "test"])
def test_long_validation_and_test_sources_are_cut_and_references_are_not(split: str, tmp_path: Path) -> None:
    task = load_task(files(tmp_path, max_source_tokens=4, max_target_tokens=4))
    part = getattr(task, split)
    assert part.sources == GERMAN and part.references == ENGLISH
    assert max(map(len, part.source_ids)) == 4
    assert [task.target_vocabulary.decode(part.target_ids[index]) for index in (1, 2)] == list(ENGLISH[1:3])
    assert len(part.target_ids[0]) == len(ENGLISH[0].split())


def test_the_train_limit_takes_the_first_pairs(tmp_path: Path) -> None:
    task = load_task(files(tmp_path, train_limit=2))
    assert train_text(task) == list(zip(GERMAN[:2], ENGLISH[:2], strict=True)) and task.validation.sources == GERMAN
    assert len(task.source_vocabulary) == 4 + len(set(" ".join(GERMAN[:2]).split()))


def test_no_short_enough_pair_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no train pair has at most max_source_tokens=100 and max_target_tokens=2; raise"
    ):
        load_task(files(tmp_path, max_target_tokens=2))


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"validation split has no pair; raise max_pairs"):
        load_task(DocstringsConfig(roots=(write_modules(tmp_path),), max_pairs=1))


def test_too_rare_words_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="min_count=9"):
        load_task(files(tmp_path, vocabulary=LearnedVocabularyConfig(min_count=9)))


@pytest.mark.parametrize(("name", "expected"), [("files", "pairs"), ("toy", "toy"), ("docstrings", "docstrings")])
def test_a_task_is_named_after_its_data(name: str, expected: str, tmp_path: Path) -> None:
    assert load_task(example(name, tmp_path)).name == expected


def test_the_text_of_the_toy_task_depends_on_the_seed() -> None:
    one, same, other = (
        load_task(ToyConfig(train_pairs=20, validation_pairs=5, test_pairs=0, seed=seed)) for seed in (1, 1, 2)
    )
    assert one.train == same.train and one.train != other.train
    assert len(one.test) == 0
