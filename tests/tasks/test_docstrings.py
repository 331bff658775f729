from pathlib import Path

import pytest

from erpo_explore.errors import DataError
from erpo_explore.tasks import DocstringsConfig
from erpo_explore.tasks.docstrings import docstring_pairs, docstrings_corpus

from .example_tasks import write_modules

BODY = "The field has a number and is measured in metres, from the river to the road."


def function(summary: str, *paragraphs: str, prefix: str = "") -> str:
    text = "\n\n    ".join([summary, *paragraphs])
    return f'def area():\n    {prefix}"""{text}\n    """\n'


def read(code: str, **settings: int) -> list[tuple[str, str]]:
    return list(docstring_pairs(code, DocstringsConfig.model_validate(settings)))


def test_body_is_the_source_and_summary_the_target() -> None:
    assert read(function("Compute the area.", BODY)) == [
        ("the field has a number and is measured in metres , from the river to the road .", "compute the area .")
    ]


@pytest.mark.parametrize(
    "rest",
    [
        "Args:\n        width: In metres.",
        "Parameters\n    ----------\n    width : float",
        ":param width: In metres.",
        ".. note:: Metres.",
        ">>> area()\n    4",
    ],
)
def test_text_that_is_no_prose_is_left_out(rest: str) -> None:
    assert read(function("Compute the area.", BODY, rest)) == read(function("Compute the area.", BODY))


def test_markup_is_left_out() -> None:
    code = function("Compute ``the`` area.", BODY.replace("river", ":py:class:`~river`"), prefix="r")
    assert read(code) == read(function("Compute the area.", BODY))


@pytest.mark.parametrize(
    ("summary", "body"),
    [
        ("Area.", BODY),
        ("Compute the area.", "Short body."),
        ("Compute the area " * 8, BODY),
        ("Compute it all.", ". " * 20),
    ],
)
def test_docstrings_out_of_bounds_are_left_out(summary: str, body: str) -> None:
    assert read(function(summary, body)) == []


def test_long_bodies_are_cut() -> None:
    ((source, _),) = read(function("Compute the area.", BODY), max_body_words=4)
    assert source == "the field has a"


def test_methods_and_modules_have_docstrings_too() -> None:
    method = "\n".join("    " + line for line in function("Compute the area.", BODY).splitlines())
    code = f'"""A module of areas.\n\n{BODY}\n"""\nclass Field:\n{method}\n'
    assert [summary for _, summary in read(code)] == ["a module of areas .", "compute the area ."]


@pytest.mark.parametrize("code", ["def broken(:", "\x00", "x = '\\d'\nif 1 is 1: pass\n", "(" * 300])
def test_code_with_errors_or_warnings_is_skipped(code: str) -> None:
    assert read(code) == []


def test_files_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    folder = write_modules(tmp_path)
    before = docstrings_corpus(DocstringsConfig(roots=(folder,)))
    (folder / "latin.py").write_bytes(b"# caf\xe9\n" + function("Compute it all.", BODY).encode())
    (folder / "odd.py").write_text("# coding: no-such-encoding\n" + function("Compute it all.", BODY))
    (folder / "gone.py").symlink_to(folder / "nowhere.py")
    assert docstrings_corpus(DocstringsConfig(roots=(folder,))) == before


def test_tests_are_not_read(tmp_path: Path) -> None:
    folder = write_modules(tmp_path / "package")
    before = docstrings_corpus(DocstringsConfig(roots=(folder,)))
    write_modules(folder / "tests")
    (folder / "test_area.py").write_text(function("Compute it all.", BODY))
    assert docstrings_corpus(DocstringsConfig(roots=(folder,))) == before


def test_code_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("raise SystemExit('imported')\n" + function("Compute it all.", BODY))
    corpus = docstrings_corpus(DocstringsConfig(roots=(tmp_path,)))
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 1


def test_no_body_occurs_twice(tmp_path: Path) -> None:
    write_modules(tmp_path / "one")
    write_modules(tmp_path / "two")
    corpus = docstrings_corpus(DocstringsConfig(roots=(tmp_path,)))
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 40


def test_no_file_is_in_two_splits(tmp_path: Path) -> None:
    for number in range(30):
        code = "".join(
            function(f"Compute area {number} in way {way}.", BODY.replace("field", f"field {number} {way}"))
            for way in range(3)
        )
        (tmp_path / f"module_{number}.py").write_text(code)
    corpus = docstrings_corpus(DocstringsConfig(roots=(tmp_path,)))
    modules = [{source.split()[2] for source, _ in side} for side in (corpus.train, corpus.validation, corpus.test)]
    assert all(modules) and sum(map(len, modules)) == 30


def test_splits_do_not_depend_on_the_location_of_the_folder(tmp_path: Path) -> None:
    one, two = write_modules(tmp_path / "one"), write_modules(tmp_path / "two")
    assert docstrings_corpus(DocstringsConfig(roots=(one,))) == docstrings_corpus(DocstringsConfig(roots=(two,)))


@pytest.mark.parametrize("max_pairs", [1, 7, 40])
def test_reading_stops_at_max_pairs(max_pairs: int, tmp_path: Path) -> None:
    corpus = docstrings_corpus(DocstringsConfig(roots=(write_modules(tmp_path),), max_pairs=max_pairs))
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == max_pairs


def test_this_python_installation_has_docstrings() -> None:
    corpus = docstrings_corpus(DocstringsConfig(max_pairs=40))
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 40


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        docstrings_corpus(DocstringsConfig(roots=(tmp_path / "nowhere",)))
