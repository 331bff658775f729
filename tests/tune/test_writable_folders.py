"""The folders that Ray writes: its own choice where that can be used, else one of this user's."""

import os
from pathlib import Path

import pytest

from erpo_explore.errors import RunError
from erpo_explore.tune import writable_folders
from erpo_explore.tune.writable_folders import LONGEST, provide_home, ray_folder

UID = os.getuid()


@pytest.fixture
def base(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that takes the place of /tmp, by a short path."""
    folder = Path(os.path.relpath(tmp_path_factory.mktemp("t")))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(writable_folders, "_BASES", (".",))
    monkeypatch.setenv("RAY_TMPDIR", "")  # so that it is as before after the test
    monkeypatch.delenv("TMPDIR", raising=False)
    return Path()


def test_the_usual_folder_is_left_to_ray(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", ".")
    assert ray_folder() is None
    assert list(base.iterdir()) == []


def test_a_folder_that_is_too_long_for_a_socket_is_replaced(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = base / ("x" * 83)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    assert ray_folder() == f"ray-{UID}"
    assert (base / f"ray-{UID}").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_another_user_owns_is_replaced(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", ".")
    (base / "ray").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "ray" and access(path, mode))
    assert ray_folder() == f"ray-{UID}"


def test_where_another_user_owns_the_lock_files_ray_locks_its_own(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", ".")
    (base / "_ray_lockfiles").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "_ray_lockfiles" and access(path, mode))
    assert ray_folder() == os.environ["RAY_TMPDIR"] == f"ray-{UID}"


def test_a_file_in_the_folders_place_is_replaced(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", ".")
    (base / "ray").write_text("mine")
    assert ray_folder() == f"ray-{UID}"


def test_a_link_that_somebody_put_there_is_not_followed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "elsewhere").mkdir()
    (base / f"ray-{UID}").symlink_to("elsewhere")
    monkeypatch.setenv("RAY_TMPDIR", "y" * LONGEST)
    with pytest.raises(RunError, match="set RAY_TMPDIR to one"):
        ray_folder()


def test_without_space_the_error_names_the_remedy(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writable_folders, "_FREE_BYTES", 10**18)
    with pytest.raises(
        RunError, match=r"^Ray needs a folder .* MB free; /tmp/ray is not such a folder; set RAY_TMPDIR"
    ):
        ray_folder()


def test_a_home_that_is_there_is_kept(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(base.absolute()))
    provide_home()
    assert os.environ["HOME"] == str(base.absolute())


def test_an_unknown_user_without_a_home_gets_one(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "USER"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", unknown)
    provide_home()
    assert os.environ["HOME"] == f"ray-{UID}"
    assert os.environ["USER"] == f"uid-{UID}"
