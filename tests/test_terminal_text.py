"""What a terminal cannot show is spelled, and printing never fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from erpo_explore.terminal_text import shown

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("α=1 β=0 ρ τ λ", "alpha=1 beta=0 rho tau lambda"),
        ("[0] a → [1] b …", "[0] a -> [1] b ..."),
        ("23.1 ± 0.4 − 1 × 2 ≥ ∞", "23.1 +- 0.4 - 1 x 2 >= inf"),
        ("müde Größe", "mude Grosse"),
        ("猫", "?"),
        ("\udcff", "?"),
        ("━━╸", "---"),
    ],
)
def test_what_ascii_lacks_is_spelled(text: str, expected: str) -> None:
    assert shown(text, "ascii") == expected


def test_what_the_stream_has_is_kept() -> None:
    assert shown("α → 猫", "utf-8") == "α → 猫"
    assert shown("\udcff", "utf-8") == "?"


@pytest.mark.parametrize("command", ["nosuch-α", *(f"{name} --help" for name in ("run", "replay", "report"))])
def test_every_stream_of_the_program_spells_in_the_locale_c(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "explore.py", *command.split()],
        cwd=Path(__file__).parents[1],
        env=os.environ | ASCII,
        capture_output=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert said.isascii()
    assert b"Traceback" not in said
