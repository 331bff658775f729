"""The tutorial does what it says: its files are written, its commands and Python run in order, its output is true."""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from erpo_explore.config.experiment import Experiment

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str | None, str]]:
    """Kind, title and text of each fenced block that names its kind."""
    return [(found["kind"], found["title"], found["text"]) for found in _FENCE.finditer(page)]


def is_said(expected: str, output: str) -> bool:
    """Whether an output is what a page shows: … stands for anything, the space between words for any other."""
    pieces = (re.escape(" ".join(piece.split())) for piece in expected.split("…"))
    return re.fullmatch(r"\s?.*?\s?".join(pieces), " ".join(output.split()), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("expected", "output", "said"),
    [
        ("a … c\n", "a b\nb c", True),
        ("a  b", "a b", True),
        ("a …", "b", False),
        ("a b", "a b c", False),
        ("1.5", "125", False),
    ],
)
def test_what_is_shown_is_compared_with_what_is_printed(expected: str, output: str, said: bool) -> None:
    assert is_said(expected, output) is said


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_search_spaces_on_the_pages_fit_the_schema(page: Path) -> None:
    written = [yaml.safe_load(text) for kind, _, text in blocks(page.read_text(encoding="utf-8")) if kind == "yaml"]
    for space in written:
        Experiment.from_dict({"name": "mine", "task": {"name": "toy"}, "baselines": ["mle"]} | space)


def follow(page: Path) -> list[tuple[str, str]]:
    """What a page shows and what was printed instead; its files, commands and Python are run where we are."""
    pairs: list[tuple[str, str]] = []
    known: dict[str, object] = {"__name__": "__main__"}
    said = ""
    for kind, title, text in blocks(page.read_text(encoding="utf-8")):
        if kind == "yaml" and title is not None:
            Path(title).write_text(text, encoding="utf-8")
        elif kind == "bash":
            said = _shell(text)
        elif kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(text, known)
            said = output.getvalue()
        elif kind == "text":
            pairs.append((text, said))
    return pairs


@pytest.fixture(scope="module")
def shown_and_said(tmp_path_factory: pytest.TempPathFactory, one_slot: str) -> Iterator[list[tuple[str, str]]]:
    """The tutorial, in the folder where it was followed."""
    with contextlib.chdir(tmp_path_factory.mktemp("tutorial")):
        yield follow(ROOT / "docs" / "tutorial.md")


@pytest.mark.ray
@pytest.mark.slow
def test_what_the_tutorial_shows_is_what_is_printed(shown_and_said: list[tuple[str, str]]) -> None:
    assert len(shown_and_said) == 9
    for shown, said in shown_and_said:
        assert is_said(shown, said), f"{shown}\nis not what was printed:\n{said}"


@pytest.mark.ray
@pytest.mark.slow
def test_what_the_python_page_shows_is_what_is_printed(tmp_path: Path, one_slot: str) -> None:
    with contextlib.chdir(tmp_path):
        pairs = follow(ROOT / "docs" / "howto" / "python.md")
    assert len(pairs) == 5
    for shown, said in pairs:
        assert is_said(shown, said), f"{shown}\nis not what was printed:\n{said}"


@pytest.mark.ray
@pytest.mark.slow
def test_the_notebook_runs_where_the_tutorial_ends(shown_and_said: list[tuple[str, str]]) -> None:
    notebook = nbformat.read(ROOT / "examples" / "results.ipynb", as_version=4)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells), (
        "strip the outputs: they are large, and differ"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": "."}}).execute(
        env=environment
    )
    *_, replayed, by_seed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "mle" in replayed.outputs[0].data["text/plain"]
    assert "found" in by_seed.outputs[0].data["text/plain"]
    figures = [output for cell in notebook.cells for output in cell.get("outputs", []) if _is_figure(output)]
    assert len(figures) == 3


def _is_figure(output: nbformat.NotebookNode) -> bool:
    return any("plotly" in kind for kind in output.get("data", {}))


def _shell(command: str) -> str:
    """What a command prints: its results, and errors; not its progress."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return "".join(line for line in done.stderr.splitlines(keepends=True) if line.startswith("error")) + done.stdout
