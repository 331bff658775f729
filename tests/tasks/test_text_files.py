from pathlib import Path

import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import FilesConfig
from erpo_explore.tasks.held_out import hold_out
from erpo_explore.tasks.text_files import files_corpus, files_metric, files_suffixes

from .example_tasks import ENGLISH, GERMAN, write_files


def failure(config: FilesConfig) -> str:
    with pytest.raises(DataError) as caught:
        files_corpus(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_line_n_is_paired_with_line_n(tmp_path: Path) -> None:
    corpus = files_corpus(FilesConfig(data=write_files(tmp_path)))
    assert corpus.train == tuple(zip(GERMAN, ENGLISH, strict=True))


def test_test_files_may_be_missing(tmp_path: Path) -> None:
    assert files_corpus(FilesConfig(data=write_files(tmp_path, splits="train valid"))).test == ()


def test_half_a_test_split_is_an_error(tmp_path: Path) -> None:
    (write_files(tmp_path) / "test.en").unlink()
    assert f"{tmp_path / 'test.en'}: no such file" in failure(FilesConfig(data=tmp_path))


@pytest.mark.parametrize("name", ["valid.de", "valid.en"])
def test_a_missing_validation_file_is_an_error(name: str, tmp_path: Path) -> None:
    (write_files(tmp_path) / name).unlink()
    assert f"{tmp_path / name}: no such file" in failure(FilesConfig(data=tmp_path))


def test_validation_pairs_are_held_out_where_there_are_no_validation_files(tmp_path: Path) -> None:
    corpus = files_corpus(FilesConfig(data=write_files(tmp_path, splits="train"), validation_pairs=1))
    assert (corpus.train, corpus.validation) == hold_out(tuple(zip(GERMAN, ENGLISH, strict=True)), 1)


def test_validation_files_come_before_held_out_pairs(tmp_path: Path) -> None:
    data = write_files(tmp_path)
    assert files_corpus(FilesConfig(data=data, validation_pairs=1)) == files_corpus(FilesConfig(data=data))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    assert "nowhere: no such folder; give one with train.SRC" in failure(FilesConfig(data=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("suffixes", "expected", "metric"),
    [
        (("de", "en"), ("de", "en"), "bleu"),
        (("en", "zh"), ("zh", "en"), "bleu"),
        (("article", "title"), ("article", "title"), "rouge"),
        (("summary", "document"), ("document", "summary"), "rouge"),
        (("src", "tgt"), ("src", "tgt"), "bleu"),
    ],
)
def test_suffixes_are_found(suffixes: tuple[str, str], expected: tuple[str, str], metric: str, tmp_path: Path) -> None:
    config = FilesConfig(data=write_files(tmp_path, source=suffixes[0], target=suffixes[1]))
    assert files_suffixes(config) == expected
    assert files_metric(config) == metric


@pytest.mark.parametrize(
    "given", [{"source": "en"}, {"target": "de"}, {"source": "en", "target": "de"}], ids=["source", "target", "both"]
)
def test_given_suffixes_take_precedence(given: dict[str, str], tmp_path: Path) -> None:
    config = FilesConfig.model_validate({"data": write_files(tmp_path), **given})
    assert files_suffixes(config) == ("en", "de")


def test_a_given_metric_takes_precedence(tmp_path: Path) -> None:
    write_files(tmp_path, source="article", target="title")
    assert files_metric(FilesConfig(data=tmp_path, metric="bleu")) == "bleu"


@pytest.mark.parametrize("target", ["fr", "title"])
def test_an_unclear_target_is_an_error(target: str, tmp_path: Path) -> None:
    write_files(tmp_path, source="de" if target == "fr" else "en", target=target)
    assert "cannot tell which" in failure(FilesConfig(data=tmp_path))


@pytest.mark.parametrize("others", [(), ("train.de",), ("train.de", "train.en", "train.fr")])
def test_any_other_number_of_suffixes_is_an_error_that_names_them(others: tuple[str, ...], tmp_path: Path) -> None:
    for name in others:
        (tmp_path / name).write_text("x\n")
    message = failure(FilesConfig(data=tmp_path))
    assert (", ".join(others) or "none") in message and "give source and target" in message


@pytest.mark.parametrize("given", [{"source": "fr"}, {"target": "fr"}, {"source": "fr", "target": "en"}])
def test_a_given_suffix_without_a_file_is_an_error(given: dict[str, str], tmp_path: Path) -> None:
    assert "train.fr: no such file" in failure(FilesConfig.model_validate({"data": write_files(tmp_path), **given}))


def test_one_suffix_for_both_sides_is_an_error(tmp_path: Path) -> None:
    assert "must differ" in failure(FilesConfig(data=write_files(tmp_path), source="de", target="de"))


def test_different_numbers_of_lines_are_an_error_with_both_counts(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "valid.en").write_text("one\ntwo\nthree\n")
    message = failure(FilesConfig(data=tmp_path))
    assert f"{tmp_path / 'valid.de'} has 4 lines but {tmp_path / 'valid.en'} has 3" in message


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.de").write_bytes(content)
    assert f"{tmp_path / 'train.de'}: is empty" in failure(FilesConfig(data=tmp_path))


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"one\n\ntwo\n", 2), (b"one\n \t\ntwo\n", 2), (b"\n", 1), (b"one\ntwo\n\n", 3), (b"one\r\n\r\n", 2)],
)
def test_an_empty_line_is_an_error_with_its_number(content: bytes, number: int, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.en").write_bytes(content)
    assert f"{tmp_path / 'train.en'}:{number}: line is empty" in failure(FilesConfig(data=tmp_path))


@pytest.mark.parametrize(
    "content", ["gut\ngroß\n".encode("latin-1"), b"gut\ngro\xc3\n", b"\xef\xbb\xbfgut\n\xed\xa0\x80"]
)
def test_bytes_that_are_no_utf8_are_an_error_with_their_line(content: bytes, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.de").write_bytes(content)
    message = failure(FilesConfig(data=tmp_path))
    assert f"{tmp_path / 'train.de'}:2: byte 0x" in message and "convert the file to UTF-8" in message


def test_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    write_files(tmp_path)
    lines = ["one\u2028two", "three\x85four", "five\x0csix", "seven\x1deight"]
    (tmp_path / "train.de").write_bytes("\n".join(lines).encode())
    assert [source for source, _ in files_corpus(FilesConfig(data=tmp_path)).train] == lines


def test_windows_line_ends_and_byte_order_marks_are_removed(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.de").write_bytes("\ufeff".encode() + "\r\n".join([*GERMAN, ""]).encode())
    assert [source for source, _ in files_corpus(FilesConfig(data=tmp_path)).train] == list(GERMAN)
