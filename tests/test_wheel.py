"""The wheel holds all that the program reads, and runs outside of a checkout."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
FIND_ALL = """
import sys
from erpo_explore.cli.experiment import find_experiment
from erpo_explore.config.experiment import load_experiment
from erpo_explore.config.resolve import resolve
for name in sys.argv[1:]:
    print(find_experiment(name))
    resolve(load_experiment(find_experiment(name)))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel alone, as pip unpacks it."""
    pytest.importorskip("hatchling", reason="needs hatchling; pip install -r requirements/build.txt")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(site: Path, code: str, arguments: Sequence[str], folder: Path) -> str:
    """Output of a program that imports the wheel's content before the checkout's."""
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_experiments_are_found_by_name(site: Path, tmp_path: Path) -> None:
    names = sorted(file.stem for file in (ROOT / "search_spaces").glob("*.yaml"))
    found = [Path(line) for line in run(site, FIND_ALL, names, tmp_path).splitlines()]
    assert found == [site / "erpo_explore" / "search_spaces" / f"{name}.yaml" for name in names]


def test_its_command_runs(site: Path, tmp_path: Path) -> None:
    (metadata,) = site.glob("*.dist-info")
    (entry,) = PathDistribution(metadata).entry_points.select(group="console_scripts")
    module, function = entry.value.split(":")
    assert entry.name == "erpo-explore"
    printed = run(site, f"from {module} import {function}; {function}()", ["--help"], tmp_path)
    assert "replay" in printed


def test_all_files_of_the_package_are_in_it(site: Path) -> None:
    package = ROOT / "erpo_explore"
    kept = {file.relative_to(ROOT) for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert {file for file in kept if not (site / file).is_file()} == set()
