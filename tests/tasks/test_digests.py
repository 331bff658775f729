"""Digests of data: against hashlib on the whole content, and equal exactly where the data are."""

import hashlib

import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import FilesConfig, load_task
from erpo_explore.tasks.corpus import Corpus
from erpo_explore.tasks.digests import file_digests, text_digests

from .example_tasks import example, write_files


def test_every_file_of_the_text_is_hashed_by_name(tmp_path):
    folder = write_files(tmp_path)
    (folder / "notes.txt").write_text("not read")
    (folder / "train.fr").write_text("of another language")
    found = file_digests(FilesConfig(data=folder, source="de", target="en"))
    names = [f"{split}.{suffix}" for split in ("test", "train", "valid") for suffix in ("de", "en")]
    assert found == {name: hashlib.blake2b((folder / name).read_bytes(), digest_size=16).hexdigest() for name in names}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        file_digests(FilesConfig(data=tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["toy", "docstrings", "hub"])
def test_a_task_without_text_files_has_no_digest_of_files(name, tmp_path):
    assert file_digests(example(name, tmp_path)) == {}


@pytest.mark.parametrize(
    ("name", "splits"), [("toy", set()), ("files", set()), ("hub", {"train", "validation", "test"})]
)
def test_a_task_has_digests_of_text_that_no_file_shows(name, splits, tmp_path):
    assert set(load_task(example(name, tmp_path)).digests) == splits


def test_pairs_are_told_apart_where_their_texts_together_are_equal():
    splits = [Corpus(train=pairs, validation=(), test=()) for pairs in ((("a", "b c"),), (("a b", "c"),))]
    first, second = map(text_digests, splits)
    assert first["train"] != second["train"]
    assert first["test"] == second["test"]
