"""`evaluate` on the command line: mistakes are found before anything is loaded."""

import sys
from pathlib import Path

import pytest

from erpo_explore.cli.main import main


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--output", "."], "error: --output .: is a folder"),
        (["--output", "nowhere/out"], "error: --output nowhere/out: its folder does not exist"),
        (["--tune-decoding", "--beam", "3"], "error: --tune-decoding chooses beam and length penalty"),
        (["--beam", "1", "--length-penalty", "0.5"], "error: --length-penalty has no effect on greedy decoding"),
        (["--split", "train"], "error: --split must be test or valid, got 'train'"),
    ],
)
def test_a_mistake_is_one_line(
    args: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["explore.py", "evaluate", "results", *args])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
