"""The commands that the output names can be pasted into a shell."""

import shlex
import sys
from pathlib import Path

import pytest

from erpo_explore.cli.output import fitting_columns, program, quoted
from erpo_explore.report.replay_report import HEADERS


def test_a_folder_with_spaces_is_one_argument() -> None:
    assert shlex.split(f"resume {quoted(Path('my results/it is $1'))}") == ["resume", "my results/it is $1"]


def test_the_program_can_lie_in_a_folder_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["my code/explore.py"])
    monkeypatch.setattr(sys, "executable", "/usr/my python/python")
    assert shlex.split(program()) == ["/usr/my python/python", "my code/explore.py"]


ROW = ("scheduled_sampling", "5", "33.44 ± 0.36", "+0.70 (+0.21 to +1.19)", *["0.007"] * 3, "3500", "1234 s", "21,345")


def test_a_wide_terminal_gets_all_columns_of_a_replay() -> None:
    assert fitting_columns((HEADERS, ROW), 200) == list(range(len(HEADERS)))


def test_eighty_characters_hold_the_lead_and_its_p_value() -> None:
    columns = fitting_columns((HEADERS, ROW), 80)
    widths = [max(len(HEADERS[index]), len(ROW[index])) for index in columns]
    assert sum(widths) + 2 * (len(widths) - 1) <= 80
    assert {"algorithm", "n", "{score}", "found − algorithm", "p Holm"} <= {HEADERS[index] for index in columns}
