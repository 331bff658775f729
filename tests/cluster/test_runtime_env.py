"""The runtime environment of `ray job submit`, as Ray reads it."""

from typing import Any

import pytest
import yaml
from ray.runtime_env import RuntimeEnv

from .conformance import REPOSITORY

FOLDER = "${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}"


@pytest.fixture
def written() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "cluster" / "runtime_env.yaml").read_text(encoding="utf-8"))


def test_ray_accepts_it(written: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    taken = RuntimeEnv(**written)
    assert taken.pip_config()["packages"] == written["pip"]["packages"]


def test_the_files_that_explore_py_needs_are_included(written: dict[str, Any]) -> None:
    needed = {"explore.py", "erpo_explore", "search_spaces", "pyproject.toml", "constraints.txt", "README.md"}
    assert all((REPOSITORY / name).exists() for name in written["excludes"])
    assert needed & set(written["excludes"]) == set()


def test_the_installation_is_pinned(written: dict[str, Any]) -> None:
    assert written["pip"]["packages"] == [f"-c {FOLDER}/constraints.txt", f"{FOLDER}[hub]"]
