"""Explorations where the machine gets in the way: modules that hide others, a long TMPDIR, a user without a home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NOBODY = 54321
"""A user id that no system knows."""

SMALLEST = {
    "name": "smallest",
    "task": {"name": "toy", "train_pairs": 40, "validation_pairs": 5, "test_pairs": 5},
    "model": {"hidden_size": 8},
    "training": {"steps": 2, "interval": 1, "batch_size": 8},
    "search": {"method": "none"},
    "baselines": [{"minimum_risk": {"metric": "mine:overlap", "samples": 2}}],
}

MINE = """
def overlap(hypotheses, references):
    return [len({*h.split()} & {*r.split()}) / max(1, len({*r.split()})) for h, r in zip(hypotheses, references)]
"""


@pytest.mark.ray
@pytest.mark.slow
def test_workers_import_what_the_driver_imports_and_find_a_reward_of_the_working_folder(tmp_path: Path) -> None:
    for module in ("statistics", "tokenizers", "sacrebleu", "pandas"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('imported from the working folder')")
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "smallest.yaml").write_text(yaml.safe_dump(SMALLEST))
    long = tmp_path / ("x" * 83)
    long.mkdir()
    done = subprocess.run(
        [sys.executable, str(ROOT / "explore.py"), "smallest.yaml", "--address", "local"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(long)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_user_without_a_name_and_a_home_can_import_tune(tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("needs root and setpriv (util-linux), to become another user")
    as_nobody = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", "-i"]
    if subprocess.run([*as_nobody, sys.executable, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs a Python that other users may run")
    code = "from erpo_explore.tune.writable_folders import provide_home; provide_home(); import ray.tune"
    search_path = os.pathsep.join([str(ROOT), *(folder for folder in sys.path if folder)])
    # no byte code of this user's lies beside the sources
    settings = [f"PYTHONPATH={search_path}", "PYTHONDONTWRITEBYTECODE=1"]
    done = subprocess.run(
        [*as_nobody, *settings, sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False
    )
    shutil.rmtree(f"/tmp/ray-{NOBODY}", ignore_errors=True)
    assert done.returncode == 0, done.stderr
