"""A cluster whose head is a folder on this machine, and whose `ray` is a shell script."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from erpo_explore.launch import RayLauncher

HERE = Path(__file__).parent
CLUSTER = {
    "cluster_name": "test",
    "provider": {"type": "local", "head_ip": "10.0.0.1", "worker_ips": ["10.0.0.2"]},
    "auth": {"ssh_user": "me"},
    "file_mounts": {"~/.ray/auth_token": "~/.ray/auth_token"},
}


@dataclass(frozen=True)
class FakeCluster:
    """Folder with the settings and the calls of the fake launcher."""

    root: Path
    file: Path

    @property
    def head(self) -> Path:
        return self.root / "head"

    @property
    def ray(self) -> RayLauncher:
        return RayLauncher(program=str(self.root / "bin" / "ray"), cluster_file=self.file)

    def calls(self) -> list[str]:
        """Subcommands of `ray`, in order."""
        noted = self.root / "calls"
        return [line.split()[0] for line in noted.read_text().splitlines()] if noted.exists() else []

    def arguments(self) -> list[str]:
        """Arguments of explore.py on the head."""
        return (self.root / "arguments").read_text().splitlines()

    def set(self, name: str, value: str = "") -> None:
        (self.root / name).write_text(value)

    def write_manifest(self, **changed: Any) -> None:
        manifest = {"exploration": "tiny", "seed": 1, "started_at": "2026-01-01T00:00:00+00:00"} | changed
        self.set("exploration.yaml", yaml.safe_dump(manifest))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    root, here, home = tmp_path / "fake", tmp_path / "here", tmp_path / "home"
    for folder in (root / "bin", root / "head" / "bin", here, home):
        folder.mkdir(parents=True)
    shutil.copy(HERE / "fake_ray.sh", root / "bin" / "ray")
    shutil.copy(HERE / "fake_explore.sh", root / "head" / "bin" / "erpo-explore")
    (root / "head" / "bin" / "ray").write_text("#!/bin/sh\nexit 0\n")
    for program in (root / "bin" / "ray", *(root / "head" / "bin").iterdir()):
        program.chmod(0o755)
    file = here / "cluster.yaml"
    file.write_text(yaml.safe_dump(CLUSTER))
    fake = FakeCluster(root=root, file=file)
    fake.set("code", "0")
    fake.write_manifest()
    monkeypatch.setenv("FAKE", os.fspath(root))
    monkeypatch.setenv("HOME", os.fspath(home))
    monkeypatch.setattr(sys, "executable", os.fspath(root / "bin" / "python"))
    monkeypatch.chdir(here)
    return fake
