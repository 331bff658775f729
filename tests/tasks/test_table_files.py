"""Every format of text files gives the same pairs, and a mistake in one names file, row, field and remedy."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import FilesConfig
from erpo_explore.tasks.text_files import files_by_name, files_corpus, files_metric, files_suffixes

from .example_tasks import ENGLISH, GERMAN, write_files

PAIRS = tuple(zip(GERMAN, ENGLISH, strict=True))
NESTED = [{"id": number, "translation": {"de": de, "en": en}} for number, (de, en) in enumerate(PAIRS)]
FLAT = [{"de": de, "en": en} for de, en in PAIRS]
NAMED = [{"target": en, "source": de} for de, en in PAIRS]


def json_lines(rows: list[Any]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def tsv(*rows: tuple[str, ...]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=3)
    return bytes(sink.getvalue())


def folder(path: Path, extension: str, content: bytes) -> Path:
    for split in ("train", "valid", "test"):
        (path / f"{split}.{extension}").write_bytes(content)
    return path


FORMATS = {
    "nested-json": ("jsonl", json_lines(NESTED), ("translation.de", "translation.en")),
    "flat-json": ("jsonl", json_lines(FLAT), ("de", "en")),
    "named-json": ("jsonl", json_lines(NAMED), ("source", "target")),
    "compressed-json": ("jsonl.gz", gzip.compress(json_lines(FLAT)), ("de", "en")),
    "json-with-mark-and-crlf": ("jsonl", b"\xef\xbb\xbf" + json_lines(FLAT).replace(b"\n", b"\r\n"), ("de", "en")),
    "tsv": ("tsv", tsv(*PAIRS), ("source", "target")),
    "tsv-header": ("tsv", tsv(("de", "en"), *PAIRS), ("de", "en")),
    "tsv-turned": ("tsv", tsv(("en", "de"), *((en, de) for de, en in PAIRS)), ("de", "en")),
    "compressed-tsv": ("tsv.gz", gzip.compress(tsv(*PAIRS)), ("source", "target")),
    "nested-parquet": ("parquet", parquet(NESTED), ("translation.de", "translation.en")),
    "flat-parquet": ("parquet", parquet(FLAT), ("de", "en")),
    "named-parquet": ("parquet", parquet(NAMED), ("source", "target")),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_pairs(name: str, tmp_path: Path) -> None:
    extension, content, fields = FORMATS[name]
    config = FilesConfig(data=folder(tmp_path, extension, content))
    corpus = files_corpus(config)
    assert (corpus.train, corpus.validation, corpus.test) == (PAIRS, PAIRS, PAIRS)
    assert files_suffixes(config) == fields
    # what was found can be written into the configuration
    assert files_corpus(FilesConfig(data=tmp_path, source=fields[0], target=fields[1])) == corpus


def test_compressed_text_gives_the_same_pairs(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.de").unlink()
    (tmp_path / "train.de.gz").write_bytes(gzip.compress("\n".join(GERMAN).encode()))
    assert files_corpus(FilesConfig(data=tmp_path)).train == PAIRS


@pytest.mark.parametrize("given", [{"source": "en"}, {"target": "de"}, {"source": "en", "target": "de"}])
@pytest.mark.parametrize("rows", [NESTED, FLAT], ids=["nested", "flat"])
def test_given_fields_take_precedence(rows: list[Any], given: dict[str, str], tmp_path: Path) -> None:
    config = FilesConfig.model_validate({"data": folder(tmp_path, "jsonl", json_lines(rows)), **given})
    assert files_corpus(config).train == tuple((en, de) for de, en in PAIRS)


def test_two_fields_of_many_can_be_named(tmp_path: Path) -> None:
    rows = [{"de": de, "en": en, "title": "x", "day": "y", "year": 3} for de, en in PAIRS]
    for extension, content in (("jsonl", json_lines(rows)), ("parquet", parquet(rows))):
        folder(tmp_path, extension, content)
        assert files_corpus(FilesConfig(data=tmp_path, source="de", target="title")).train[0] == (GERMAN[0], "x")
        for file in tmp_path.iterdir():
            file.unlink()


def test_the_text_files_that_are_named_come_before_a_table(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "train.tsv").write_bytes(tsv(("a", "b")))
    assert files_corpus(FilesConfig(data=tmp_path, source="de", target="en")).train == PAIRS


def test_a_field_of_summaries_is_scored_by_rouge(tmp_path: Path) -> None:
    rows = [{"text": "a b c", "summary": "a"}]
    assert files_metric(FilesConfig(data=folder(tmp_path, "jsonl", json_lines(rows)))) == "rouge"


def test_line_breaks_within_a_text_become_spaces(tmp_path: Path) -> None:
    rows = [{"source": "one\r\ntwo\u2028three", "target": "four\n\nfive"}]
    pairs = files_corpus(FilesConfig(data=folder(tmp_path, "jsonl", json_lines(rows)))).train
    assert pairs == (("one two\u2028three", "four five"),)


@pytest.mark.parametrize(
    ("extension", "content", "message"),
    [
        (
            "jsonl",
            json_lines([*FLAT, {"de": "x"}]),
            "train.jsonl:5: must have the field en, has the text fields de; add",
        ),
        (
            "jsonl",
            json_lines([*FLAT, {"de": "x", "en": 3}]),
            "train.jsonl:5: field en must be text, got int '3'; write",
        ),
        (
            "jsonl",
            json_lines([*FLAT, {"de": None, "en": "x"}]),
            "train.jsonl:5: field de must be text, got null; write",
        ),
        ("jsonl", json_lines([*FLAT, {"de": " ", "en": "x"}]), "train.jsonl:5: field de is empty; fill it or remove"),
        ("jsonl", b'{"de": "x", "en": "\\ud800"}\n', "train.jsonl:1: field en has half of a surrogate pair; write"),
        ("jsonl", json_lines(FLAT) + b"{", "train.jsonl:5: is no JSON (Expecting property name"),
        ("jsonl", json_lines([*FLAT, ["x", "y"]]), "train.jsonl:5: must be a JSON object, got list; write one object"),
        (
            "jsonl",
            json_lines([{"de": "x", "en": "y", "fr": "z"}]),
            "must have exactly two fields of text, has de, en, fr;",
        ),
        (
            "jsonl",
            json_lines([{"de": "x", "fr": "z"}]),
            "cannot tell which of de and fr is the target; give source and",
        ),
        ("jsonl", json_lines(FLAT) + b"\n", "train.jsonl:5: line is empty; remove it"),
        ("jsonl", b"", "train.jsonl: is empty"),
        ("jsonl.gz", gzip.compress(json_lines(FLAT))[:-9], "train.jsonl.gz: is no complete gzip file (Compressed file"),
        ("jsonl.gz", json_lines(FLAT), "train.jsonl.gz: is no complete gzip file (Not a gzipped file"),
        ("tsv", tsv(*PAIRS, ("x",)), "train.tsv:5: must have 2 columns separated by tabs, has 1; remove tabs"),
        (
            "tsv",
            tsv(("de", "en"), *PAIRS, ("x", "y", "z")),
            "train.tsv:6: must have 2 columns separated by tabs, has 3;",
        ),
        ("tsv", tsv(*PAIRS, ("x", " ")), "train.tsv:5: field target is empty; fill it or remove the row"),
        ("tsv", tsv(("x", "y", "z")), "train.tsv:1: must have two columns separated by a tab, has 3; name the columns"),
        ("tsv", tsv(("de", "en")), "train.tsv: has no row; add pairs"),
        ("tsv", b"gr\xfcn\tgreen\n", "train.tsv:1: byte 0xfc is not UTF-8; convert the file"),
        (
            "parquet",
            parquet([*FLAT, {"de": None, "en": "x"}]),
            "train.parquet:5: field de must be text, got null; write",
        ),
        ("parquet", parquet([{"de": "x", "en": 3}]), "must have exactly two fields of text, has de; give source"),
        ("parquet", b"PAR1", "train.parquet: is no whole Parquet file ("),
        ("parquet", parquet(FLAT)[:-60], "train.parquet: is no whole Parquet file ("),
    ],
)
def test_a_mistake_is_told_in_one_line(extension: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / f"train.{extension}").write_bytes(content)
    with pytest.raises(DataError) as caught:
        files_corpus(FilesConfig(data=tmp_path, validation_pairs=1))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("extension", ["jsonl", "tsv", "parquet"])
def test_a_field_that_is_missing_is_told_with_those_there_are(extension: str, tmp_path: Path) -> None:
    contents = {"jsonl": json_lines(FLAT), "tsv": tsv(("de", "en"), *PAIRS), "parquet": parquet(FLAT)}
    config = FilesConfig(data=folder(tmp_path, extension, contents[extension]), source="de", target="fr")
    with pytest.raises(DataError, match="has no field of text fr, has de, en; name one of these"):
        files_corpus(config)


def test_a_missing_validation_table_is_told(tmp_path: Path) -> None:
    (folder(tmp_path, "tsv", tsv(*PAIRS)) / "valid.tsv").unlink()
    with pytest.raises(DataError, match=r"valid\.tsv: no such file"):
        files_corpus(FilesConfig(data=tmp_path))


@pytest.mark.parametrize("name", ["flat-parquet", "compressed-json", "tsv"])
def test_the_files_that_hold_the_text_are_named(name: str, tmp_path: Path) -> None:
    extension, content, _ = FORMATS[name]
    (folder(tmp_path, extension, content) / "notes.txt").touch()
    (tmp_path / f"test.{extension}").unlink()
    assert list(files_by_name(FilesConfig(data=tmp_path))) == [f"train.{extension}", f"valid.{extension}"]


@pytest.mark.parametrize(("one", "other"), [("train.de", "train.de.gz"), ("train.jsonl", "train.tsv")])
def test_two_files_of_one_text_are_refused(one: str, other: str, tmp_path: Path) -> None:
    if one == "train.de":
        write_files(tmp_path)
    for name in (one, other):
        (tmp_path / name).write_bytes(b"x\n")
    config = FilesConfig(data=tmp_path, source="de", target="en")
    with pytest.raises(DataError, match=rf"{one}: must not exist beside {other}; remove one of them"):
        files_corpus(config)


def test_reading_imports_neither_torch_nor_ray(tmp_path: Path) -> None:
    data = folder(tmp_path, "parquet", parquet(FLAT))
    code = (
        "import sys\nfrom erpo_explore.tasks.text_files import files_corpus\n"
        "from erpo_explore.tasks.config import FilesConfig\n"
        f"files_corpus(FilesConfig(data={str(data)!r}))\nprint(sorted({{'torch', 'ray'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
