"""The commands that the output names can be pasted into a shell."""

import shlex
import sys
from pathlib import Path

import pytest

from erpo_explore.cli.output import program, quoted


def test_a_folder_with_spaces_is_one_argument() -> None:
    assert shlex.split(f"resume {quoted(Path('my results/it is $1'))}") == ["resume", "my results/it is $1"]


def test_the_program_can_lie_in_a_folder_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["my code/explore.py"])
    monkeypatch.setattr(sys, "executable", "/usr/my python/python")
    assert shlex.split(program()) == ["/usr/my python/python", "my code/explore.py"]
