"""Workers look for modules where the driver does, in its order."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from erpo_explore.tune._ray_internals import with_search_path
from erpo_explore.tune.search_path import search_also, searched_first, searched_last

LIBRARY = sysconfig.get_path("stdlib")


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/script", "/variable", LIBRARY, "/packages", "/working"])


def test_the_scripts_folder_comes_before_python_and_the_working_folder_after(folders: None) -> None:
    assert searched_first() == ["/script", "/variable"]
    assert searched_last() == [LIBRARY, "/packages", "/working"]


def test_a_worker_inserts_the_folders_in_the_drivers_order(folders: None) -> None:
    config = with_search_path(searched_first())
    config._py_driver_sys_path.extend(["/script", "/working"])  # as Ray does
    path = list(sys.path[2:])
    for folder in config._get_proto_job_config().py_driver_sys_path:  # as a worker does
        path.insert(0, folder)
    assert path == sys.path


def test_a_job_of_rays_job_server_keeps_its_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert with_search_path(["/script"]) is None


@pytest.mark.parametrize("arguments", [["-m", "driver"], ["driver.py"], ["-c", "import driver"]])
def test_the_working_folder_is_first_where_python_puts_it_there(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(
        "from erpo_explore.tune.search_path import searched_first\nprint(searched_first()[0])"
    )
    done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path)


def test_a_worker_adds_the_drivers_last_folders_after_its_own(folders: None) -> None:
    search_also(["/packages", "/mine"])
    assert sys.path == ["/script", "/variable", LIBRARY, "/packages", "/working", "/mine"]
