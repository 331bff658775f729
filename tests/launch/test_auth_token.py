"""The token of a cluster is created once, for its owner alone."""

import stat
from pathlib import Path

import pytest

from erpo_explore.errors import ConfigError, RunError
from erpo_explore.launch import ClusterFile, ensure_token

from .conftest import FakeCluster


def mounting(**mounts: str) -> ClusterFile:
    return ClusterFile(path=Path("cluster.yaml"), name="test", mounts=mounts)


TOKEN = mounting(**{"~/.ray/auth_token": "~/.ray/auth_token"})


def test_the_token_is_readable_by_its_owner_alone_and_not_printed(
    cluster: FakeCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    file = ensure_token(TOKEN, cluster.ray.program)
    assert file == Path("~/.ray/auth_token").expanduser()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert capfd.readouterr() == ("", "")


def test_an_existing_token_is_kept(cluster: FakeCluster) -> None:
    file = Path("~/.ray/auth_token").expanduser()
    file.parent.mkdir()
    file.write_text("mine")
    file.chmod(0o600)
    ensure_token(TOKEN, cluster.ray.program)
    assert (file.read_text(), cluster.calls()) == ("mine", [])


def test_a_token_that_others_can_read_is_refused(cluster: FakeCluster) -> None:
    file = Path("~/.ray/auth_token").expanduser()
    file.parent.mkdir()
    file.write_text("mine")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        ensure_token(TOKEN, cluster.ray.program)


def test_a_token_at_another_path_is_an_error(cluster: FakeCluster) -> None:
    with pytest.raises(RunError, match="could not be created"):
        ensure_token(mounting(**{"~/.ray/auth_token": "elsewhere/token"}), cluster.ray.program)


def test_a_file_that_mounts_no_token_needs_none(cluster: FakeCluster) -> None:
    assert ensure_token(mounting(), cluster.ray.program) is None
    assert cluster.calls() == []
