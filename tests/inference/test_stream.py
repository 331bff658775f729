"""Streams of lines, also broken ones: every line of the input has its line in the output."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import erpo_explore as erpo
from erpo_explore.errors import ConfigError
from erpo_explore.inference import stream
from erpo_explore.inference.model import TrainedModel
from erpo_explore.inference.stream import Decoding, Translated, translate_stream
from erpo_explore.tasks import load_task

from .folders import trained


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return erpo.load_model(trained(tmp_path_factory.mktemp("results") / "tiny"), device="cpu")


@pytest.fixture(scope="module")
def sources(model: TrainedModel) -> list[str]:
    return list(load_task(model.task).test.sources)


@dataclass(frozen=True)
class Run:
    output: list[str]
    reports: list[str]
    done: Translated


def run(model: TrainedModel, content: bytes, **settings: object) -> Run:
    written: list[str] = []
    reports: list[str] = []
    decoding = Decoding(**{"beam_width": 1, **settings})
    done = translate_stream(model, io.BytesIO(content), written.append, decoding, report=reports.append)
    text = "".join(written)
    assert text == "" or text.endswith("\n")
    return Run(text.split("\n")[:-1], reports, done)


def test_lines_come_out_in_their_order(model: TrainedModel, sources: list[str]) -> None:
    found = run(model, "\n".join(sources).encode())
    assert found.output == model.translate(sources, beam_width=1)
    assert found.done.num_lines == len(sources)
    assert found.reports == []


def test_windows_change_no_translation(
    model: TrainedModel, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ("\n".join(sources) + "\n").encode()
    for settings in ({}, {"sample": True, "seed": 5}):
        monkeypatch.undo()
        whole = run(model, content, **settings).output
        monkeypatch.setattr(stream, "_WINDOW_LINES", 7)
        assert run(model, content, **settings).output == whole


def test_carriage_returns_and_a_byte_order_mark_are_no_text(model: TrainedModel, sources: list[str]) -> None:
    plain = run(model, "\n".join(sources[:3]).encode())
    marked = run(model, ("\ufeff" + "\r\n".join(sources[:3]) + "\r\n").encode())
    assert marked.output == plain.output
    assert run(model, "\ufeff".encode()).output == []
    assert run(model, b"").output == []


def test_blank_lines_stay_blank(model: TrainedModel, sources: list[str]) -> None:
    found = run(model, f"\n{sources[0]}\n \t\n\n".encode())
    assert [bool(line) for line in found.output] == [
        False,
        bool(model.translate(sources[:1], beam_width=1)[0]),
        False,
        False,
    ]
    assert found.reports == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"\xff", "byte 0xff at position 1 is not UTF-8"),
        (b"ab\xc3", "byte 0xc3 at position 3 is not UTF-8"),
        (b"a\x00b", "has a NUL byte"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_goes_on(
    model: TrainedModel, sources: list[str], broken: bytes, problem: str
) -> None:
    found = run(model, sources[0].encode() + b"\n" + broken + b"\n" + sources[1].encode())
    translated = model.translate(sources[:2], beam_width=1)
    assert found.output == [translated[0], "", translated[1]]
    assert found.reports == [f"line 2: {problem}; left empty"]
    assert found.done.num_broken == 1


def test_a_line_as_long_as_a_book_is_cut_and_named(model: TrainedModel, sources: list[str]) -> None:
    book = " ".join(sources * (3_000_000 // len(" ".join(sources))))
    found = run(model, f"{sources[0]}\n{book}\n{sources[1]}".encode())
    assert found.output == model.translate([sources[0], book, sources[1]], beam_width=1)
    assert found.done.num_cut == 1
    assert found.reports[0].startswith("line 2: longer than the 100 tokens that the model reads")


def test_a_long_line_may_be_cut_within_a_character(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch, sources: list[str]
) -> None:
    for length in range(6, 12):
        monkeypatch.setattr(stream, "_LINE_BYTES", length)
        found = run(model, "aé猫🐕é猫\nb\n".encode())
        assert len(found.output) == 2
        assert found.done.num_broken == 0


def test_separators_of_unicode_end_no_line(model: TrainedModel) -> None:
    assert len(run(model, "a\u2028b\u0085c\x0cd\x0be\n".encode()).output) == 1


def test_n_best_has_number_score_and_text(model: TrainedModel, sources: list[str]) -> None:
    found = run(model, f"{sources[0]}\n\n{sources[1]}".encode(), n_best=3)
    rows = [line.split("\t") for line in found.output]
    expected = model.hypotheses([sources[0]], num_best=3, beam_width=3)[0]
    assert [row[2] for row in rows if row[0] == "1"] == [each.text for each in expected]
    assert [float(row[1]) for row in rows if row[0] == "1"] == pytest.approx(
        [each.score for each in expected], abs=1e-5
    )
    assert ["2", "", ""] in rows


def test_memory_does_not_grow_with_the_input(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_WINDOW_LINES", 10)
    read = 0

    class Counted:
        def readline(self, size: int, /) -> bytes:
            nonlocal read
            read += 1
            return b"\n" if read <= 1000 else b""

    written: list[int] = []

    def write(text: str) -> None:
        written.append(read)

    translate_stream(model, Counted(), write, Decoding(), report=print)
    assert written[:3] == [10, 20, 30]


def test_windows_grow_so_that_the_first_lines_come_soon(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_FIRST_WINDOW_LINES", 2)
    monkeypatch.setattr(stream, "_WINDOW_LINES", 8)
    written: list[int] = []
    translate_stream(model, io.BytesIO(b"\n" * 25), lambda text: written.append(len(text)), Decoding(), report=print)
    assert written == [2, 4, 8, 8, 3]


def test_a_setting_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_best must be >= 1, got 0"):
        Decoding(n_best=0)


def test_an_interrupted_stream_has_written_whole_windows(
    model: TrainedModel, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_WINDOW_LINES", 2)

    def interrupted() -> Iterator[bytes]:
        for source in sources[:5]:
            yield f"{source}\n".encode()
        raise KeyboardInterrupt

    lines = interrupted()

    class Typed:
        def readline(self, size: int, /) -> bytes:
            return next(lines)

    written: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        translate_stream(model, Typed(), written.append, Decoding(beam_width=1), report=print)
    assert "".join(written).splitlines() == model.translate(sources[:4], beam_width=1)
