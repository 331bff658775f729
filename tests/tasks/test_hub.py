import builtins
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.tasks import HubConfig
from erpo_explore.tasks.hub import hub_corpus

from .example_tasks import ENGLISH, GERMAN, translations

PAIRS = tuple(zip(GERMAN, ENGLISH, strict=True))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def flat(de: list[str | None] | tuple[str, ...], en: list[str | None] | tuple[str, ...]) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"de": list(de), "en": list(en)})


def save(folder: Path, **splits: datasets.Dataset) -> HubConfig:
    datasets.DatasetDict(splits).save_to_disk(str(folder / "saved"))
    return HubConfig(dataset=str(folder / "saved"), source="de", target="en")


def test_a_nested_column_of_a_saved_data_set(tmp_path: Path) -> None:
    translations().save_to_disk(str(tmp_path / "saved"))
    config = HubConfig(dataset=str(tmp_path / "saved"), source="translation.de", target="translation.en")
    corpus = hub_corpus(config)
    assert corpus.train == corpus.validation == corpus.test == PAIRS


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_folder_of_tables(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    for split in ("train", "validation"):
        table = translations()[split]
        if kind == "parquet":
            table.to_parquet(str(folder / f"{split}.parquet"))
        else:
            table.to_json(str(folder / f"{split}.jsonl"))
    corpus = hub_corpus(HubConfig(dataset=str(folder), source="translation.de", target="translation.en"))
    assert corpus.train == corpus.validation == PAIRS
    assert corpus.test == ()


@pytest.mark.parametrize("split", ["validation", "valid", "dev"])
def test_the_validation_split_has_three_names(split: str, tmp_path: Path) -> None:
    config = save(tmp_path, train=flat(GERMAN, ENGLISH), **{split: flat(GERMAN[:2], ENGLISH[:2])})
    assert hub_corpus(config).validation == PAIRS[:2]


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_a_missing_split_is_an_error_that_names_the_others(missing: str, tmp_path: Path) -> None:
    there = "train" if missing == "validation" else "validation"
    config = save(tmp_path, **{there: flat(GERMAN, ENGLISH)})
    with pytest.raises(DataError, match=rf"must have a split {missing}.*has {there};"):
        hub_corpus(config)


@pytest.mark.parametrize(
    ("lowercase", "tokenize", "expected"),
    [
        (True, True, "it 's 2.5 m , he said ( twice ) ."),
        (False, True, "It 's 2.5 m , he said ( twice ) ."),
        (True, False, "it 's 2.5 m, he said (twice)."),
        (False, False, "It 's 2.5 m, he said (twice)."),
    ],
)
def test_text_becomes_words(lowercase: bool, tokenize: bool, expected: str, tmp_path: Path) -> None:
    rows = flat(["It 's  2.5 m, he\nsaid (twice)."], ["yes"])
    config = save(tmp_path, train=rows, validation=rows)
    config = config.model_copy(update={"lowercase": lowercase, "tokenize": tokenize})
    assert hub_corpus(config).train == ((expected, "yes"),)


def test_pairs_with_an_empty_side_are_left_out_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = flat(["eins", "", "drei", None], ["one", "two", " ", "four"])
    assert hub_corpus(save(tmp_path, train=rows, validation=rows)).train == (("eins", "one"),)
    assert "left out 3 of 4 train pairs" in caplog.text


def test_only_the_train_limit_is_read(tmp_path: Path) -> None:
    rows = flat(GERMAN, ENGLISH)
    config = save(tmp_path, train=rows, validation=rows).model_copy(update={"train_limit": 2})
    corpus = hub_corpus(config)
    assert (corpus.train, corpus.validation) == (PAIRS[:2], PAIRS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fr", "has no column fr, has translation, number;"),
        ("translation.fr", "column translation.fr has no part fr, has de, en;"),
        ("translation.de.x", "column translation.de.x has no part x, has str;"),
        ("number", "column number must be text, row 0 has int '1'"),
        ("translation", "column translation must be text, row 0 has dict"),
    ],
)
def test_a_column_without_text_is_an_error(source: str, message: str, tmp_path: Path) -> None:
    rows = datasets.Dataset.from_list([{"translation": {"de": "eins", "en": "one"}, "number": 1}])
    config = save(tmp_path, train=rows, validation=rows)
    with pytest.raises(DataError) as caught:
        hub_corpus(config.model_copy(update={"source": source, "target": "translation.en"}))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_data_set_that_cannot_be_loaded_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"cannot be loaded \(.+\); check dataset, subset and the network") as caught:
        hub_corpus(HubConfig(dataset=str(tmp_path / "empty"), source="de", target="en"))
    assert "\n" not in str(caught.value)


def test_a_data_set_with_code_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(DataError, match="cannot be loaded"):
        hub_corpus(HubConfig(dataset=str(folder), source="de", target="en"))


def test_without_datasets_the_error_gives_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_datasets(name: str, *args: object, **settings: object) -> object:
        if name == "datasets":
            raise ImportError(name)
        return real_import(name, *args, **settings)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "datasets")
    monkeypatch.setattr(builtins, "__import__", without_datasets)
    with pytest.raises(ConfigError, match=r"pip install 'erpo-explore\[hub\]'"):
        hub_corpus(HubConfig(dataset="a/b", source="de", target="en"))
