"""A mistake is reported before anything is imported that takes seconds.

What takes long is a fact about imports: which modules a process holds when the message is printed.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from erpo_explore.config.path_file import save_path
from erpo_explore.space import algorithm
from tests.tiny_exploration import TINY

HEAVY = ("torch", "ray", "pandas", "transformers", "datasets", "scipy", "sklearn", "plotly", "sacrebleu")

COMMANDS = {
    "--help": 0,
    "run --help": 0,
    "--version": 0,
    "nosuchspace": 2,
    "run empty.yaml": 2,
    "run twice.yaml": 2,
    "run tiny.yaml --set training.stepz=3": 2,
    "run tiny.yaml --set training.steps": 2,
    "run tiny.yaml --set seed=010": 2,
    "run tiny.yaml --set baselines=[nix]": 2,
    "run tiny.yaml --set baselines=[nowhere.yaml]": 2,
    "run tiny.yaml --set search.warm_start=[nowhere]": 2,
    "run tiny.yaml --set init_from=nowhere": 2,
    "run tiny.yaml --results full": 2,
    "--data nowhere": 2,
    "--data unequal": 2,
    "--data undecodable": 2,
    "run tiny.yaml --data nowhere": 2,
    "run tiny.yaml --data full": 2,
    "run tiny.yaml --data unequal": 2,
    "run tiny.yaml --data undecodable": 2,
    "run tiny.yaml --data empty": 2,
    "replay nowhere": 2,
    "replay full": 2,
    "replay tiny.yaml": 2,
    "replay path.yaml": 2,
    "replay path.yaml --space nowhere.yaml": 2,
    "replay path.yaml --space tiny.yaml --against nix": 2,
    "replay path.yaml --space tiny.yaml --set training.stepz=3": 2,
    "resume nowhere": 2,
    "resume full": 2,
    "resume tiny.yaml": 2,
    "report nowhere": 2,
    "report full": 2,
    "report nowhere --format pdf": 2,
    "report nowhere --figures drawn --format bmp": 2,
    "watch nowhere": 2,
    "watch full": 2,
    "compact nowhere": 2,
    "submit --cluster nowhere.yaml default": 2,
}
"""Command → exit code."""

CALLS = """
import contextlib, io, json, sys
from erpo_explore.cli.main import main
calls = {}
for command in json.loads(sys.stdin.read()):
    sys.argv = ["explore.py", *command.split()]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    calls[command] = (code or 0, said.getvalue(), sorted(set(%r) & set(sys.modules)))
print(json.dumps(calls))
"""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, list[str]]]:
    """Exit code, messages and heavy modules after each command; one process makes all calls, in their order."""
    folder = tmp_path_factory.mktemp("early")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (folder / "empty.yaml").write_text("")
    (folder / "twice.yaml").write_text("name: x\nname: y\n")
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").write_text("mine")
    for name, last in (("unequal", b"a\nb\n"), ("undecodable", b"\xff\n"), ("empty", b"")):
        (folder / name).mkdir()
        for file in ("train.de", "train.en", "valid.de"):
            (folder / name / file).write_bytes(b"a\n")
        (folder / name / "valid.en").write_bytes(last)
    save_path(algorithm("mle").path("bleu"), folder / "path.yaml")
    done = subprocess.run(
        [sys.executable, "-c", CALLS % (HEAVY,)],
        input=json.dumps(list(COMMANDS)),
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str, list[str]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_is_one_line_before_heavy_imports(command: str, calls: dict[str, tuple[int, str, list[str]]]) -> None:
    code, message, heavy = calls[command]
    assert heavy == []
    assert code == COMMANDS[command]
    if code:
        assert message.startswith("error: ")
        assert message.count("\n") == 1
