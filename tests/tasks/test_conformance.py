"""Conformance suite of tasks, with either learned vocabulary."""

import pickle
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from erpo_explore.named_function import load_object
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import LearnedVocabularyConfig, Task, TaskConfig, TokenPairs, TrainingBatches, load_task
from erpo_explore.tasks.reader import TaskReader

from .example_tasks import example

NAMES = ("docstrings", "files", "hub", "pronunciations", "toy")
KINDS = get_args(LearnedVocabularyConfig.model_fields["kind"].annotation)


def splits(task: Task) -> list[TokenPairs]:
    return [task.train, task.validation, task.test]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
class TestTask:
    @pytest.fixture
    def config(self, name: str, kind: str, tmp_path: Path) -> TaskConfig:
        config = example(name, tmp_path)
        return config.model_copy(update={"vocabulary": LearnedVocabularyConfig(kind=kind, size=300)})

    @pytest.fixture
    def task(self, config: TaskConfig) -> Task:
        return load_task(config)

    def test_no_split_is_empty(self, task: Task) -> None:
        assert all(len(split) > 0 for split in splits(task))

    def test_ids_lie_in_the_vocabularies_and_are_no_special_tokens(self, task: Task) -> None:
        for split in splits(task):
            for ids in split.source_ids:
                assert ids and all(3 <= token < len(task.source_vocabulary) for token in ids)
            for ids in split.target_ids:
                assert ids and all(3 <= token < len(task.target_vocabulary) for token in ids)

    def test_the_special_ids_are_the_first_four(self, task: Task) -> None:
        assert task.symbols == task.source_vocabulary.symbols == Symbols(pad=0, bos=1, eos=2, unk=3)

    def test_train_text_round_trips(self, task: Task, config: TaskConfig) -> None:
        reader: TaskReader = load_object("task.name", config.reader)
        sources, references = zip(*reader.read(config).train, strict=True)
        assert tuple(map(task.source_vocabulary.decode, task.train.source_ids)) == sources
        decoded = (task.target_vocabulary.decode([1, *ids, 2, 4, 0]) for ids in task.train.target_ids)
        assert tuple(decoded) == references

    def test_unigram_frequencies_sum_to_one_without_the_special_tokens(self, task: Task) -> None:
        assert task.unigram_V.shape == (len(task.target_vocabulary),)
        assert task.unigram_V.sum().item() == pytest.approx(1.0, abs=1e-6)
        assert not task.unigram_V[:4].any()

    def test_survives_a_pickle(self, task: Task) -> None:
        copy = pickle.loads(pickle.dumps(task))
        assert splits(copy) == splits(task)
        text = task.validation.references[0]
        assert copy.target_vocabulary.encode(text) == task.target_vocabulary.encode(text)
        ids = task.train.target_ids[0]
        assert copy.target_vocabulary.decode(ids) == task.target_vocabulary.decode(ids)

    def test_loads_the_same_again(self, task: Task, config: TaskConfig) -> None:
        again = load_task(config)
        assert splits(again) == splits(task)
        assert (again.unigram_V == task.unigram_V).all()

    def test_config_round_trips_through_plain_values(self, config: TaskConfig) -> None:
        assert TypeAdapter(TaskConfig).validate_python(config.model_dump(mode="json")) == config

    def test_describes_itself_in_one_line(self, task: Task) -> None:
        assert task.name in task.describe() and "\n" not in task.describe()

    def test_makes_batches(self, task: Task) -> None:
        batches = TrainingBatches(task.train, task.symbols, 4, 1)
        assert batches.at(0).num_target_tokens > 0
