"""The launcher and its programs are found, and its errors are extracted from its output."""

import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.launch import RayLauncher
from erpo_explore.launch.ray_launcher import failure_reason

from .conftest import FakeCluster

FAILED = [
    "Fetched IP: 10.0.0.1",
    "{}",
    "Error: Command failed:",
    "",
    "  ssh -tt -i key bash -c '\"'\"'(tail)'\"'",
    "'\"'",
]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Connection to 10.0.0.1 closed.", "Connection to 10.0.0.1 closed."),
        ("me@10.0.0.1: Permission denied (publickey).", "me@10.0.0.1: Permission denied (publickey)."),
        ("", "Error: Command failed:"),
    ],
)
def test_the_reason_of_ssh_is_found_in_the_output_of_the_launcher(line: str, reason: str) -> None:
    assert failure_reason([printed.format(line) for printed in FAILED]) == reason


@pytest.mark.parametrize("missing", ["ssh", "rsync"])
def test_a_missing_program_is_named(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    there = cluster.root / "path"
    there.mkdir()
    for program in {"ssh", "rsync"} - {missing}:
        (there / program).write_text("#!/bin/sh\n")
        (there / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(there))
    with pytest.raises(ConfigError, match=f"{missing} is not installed here"):
        RayLauncher.find(cluster.file)


def test_without_ray_the_remedy_is_named(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    (cluster.root / "bin" / "ray").unlink()
    monkeypatch.setenv("PATH", str(cluster.head))
    with pytest.raises(ConfigError, match=r"pip install '\.\[cluster\]'"):
        RayLauncher.find(cluster.file)
