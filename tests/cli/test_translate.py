"""`translate` on the command line: files and pipes, exit codes, and mistakes in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import erpo_explore as erpo
from erpo_explore.cli.main import main
from tests.inference.folders import trained


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("results") / "tiny")


def call(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    monkeypatch.setattr(sys, "argv", ["explore.py", "translate", *map(str, args)])
    with pytest.raises(SystemExit) as exit_info:
        main()
    return int(exit_info.value.code or 0)


def program(results: Path, *args: object) -> list[str]:
    code = "from erpo_explore.cli.main import main; main()"
    return [sys.executable, "-c", code, "translate", str(results), "--device", "cpu", *map(str, args)]


def test_a_file_becomes_a_file(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.write_text("nan puput\n\npit nanap\n", encoding="utf-8")
    assert call(monkeypatch, results, "--input", source, "--output", output) == 0
    expected = erpo.load_model(results).translate(["nan puput", "", "pit nanap"])
    assert output.read_text(encoding="utf-8") == "".join(f"{line}\n" for line in expected)
    assert sorted(tmp_path.iterdir()) == [source, output]


def test_a_link_stays_a_link(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, link = tmp_path / "in", tmp_path / "link"
    source.write_text("nan puput\n", encoding="utf-8")
    link.symlink_to("out")
    assert call(monkeypatch, results, "--input", source, "--output", link) == 0
    assert link.is_symlink()
    assert (tmp_path / "out").read_text(encoding="utf-8").count("\n") == 1


def test_a_named_pipe_is_written_and_not_replaced(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pipe = tmp_path / "in", tmp_path / "pipe"
    source.write_text("\n\n", encoding="utf-8")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)  # as reader and writer, so that neither end waits for the other
    assert call(monkeypatch, results, "--input", source, "--output", pipe) == 0
    assert os.read(reader, 10) == b"\n\n"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_broken_line_sets_the_exit_code(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"nan\n\xff\nnan\n")
    assert call(monkeypatch, results, "--input", source) == 1
    out, err = capfdbinary.readouterr()
    assert len(out.split(b"\n")) == 4
    assert b"line 2: byte 0xff at position 1 is not UTF-8; left empty" in err
    assert b"1 of 3 lines have no translation" in err


def test_a_pipe_that_closes_ends_it_without_a_traceback(results: Path) -> None:
    with subprocess.Popen(
        program(results, "--beam", 1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"nan puput\n" * 10)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--input", "nowhere"], "error: --input nowhere: cannot be read (No such file or directory)"),
        (["--input", "."], "error: --input .: cannot be read (Is a directory)"),
        (["--output", "nowhere/out"], "error: --output nowhere/out: its folder does not exist"),
        (["--output", "."], "error: --output .: is a folder"),
        (["--seed", "3"], "error: --seed and --temperature are for draws"),
        (["--sample", "--length-penalty", "0.5"], "error: --length-penalty has no effect on draws"),
        (["--sample", "--beam", "3"], "error: --beam has no effect on draws"),
        (["--beam", "1", "--length-penalty", "0.5"], "error: --length-penalty has no effect on greedy decoding"),
        (["--trial", "mle-s7"], "has no trial mle-s7"),
    ],
)
def test_a_mistake_is_one_line(
    results: Path,
    args: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, results, *args) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_nothing_is_left_of_an_output_that_fails(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.write_text("nan\n", encoding="utf-8")
    monkeypatch.setattr(
        "erpo_explore.inference.stream.translate_stream", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert call(monkeypatch, results, "--input", source, "--output", tmp_path / "out") == 130
    assert sorted(tmp_path.iterdir()) == [source]
