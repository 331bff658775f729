"""Conformance suite of cluster files: Ray's schema, and commands that bash can run. No machine is contacted."""

import copy
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

__all__ = ["COMMANDS", "REPOSITORY", "ClusterFileConformance", "accept"]

REPOSITORY = Path(__file__).parents[2]
TOKEN = "~/.ray/auth_token"
COMMANDS = (
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


def accept(cluster: dict[str, Any]) -> dict[str, Any]:
    """Read a file as `ray up` does, before it contacts the machines."""
    prepared = prepare_config(copy.deepcopy(cluster))
    validate_config(prepared)
    return prepared


def profile_command(cluster: dict[str, Any]) -> str:
    """The setup command that writes the login profile."""
    (command,) = [command for command in cluster["setup_commands"] if "~/.profile" in command]
    return command


def bash(home: Path, command: str, *options: str) -> str:
    """Run a command with only a home directory."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", *options, "-c", command], env=environment, cwd=home, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class ClusterFileConformance:
    """Base class; derive a `Test…` class with a `file`, and add the checks of that file."""

    file: Path

    @pytest.fixture
    def cluster(self) -> dict[str, Any]:
        return yaml.safe_load(self.file.read_text(encoding="utf-8"))

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A home directory with the python of the venv, before the profile is written."""
        python = tmp_path / "erpo-venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\n", encoding="utf-8")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        (tmp_path / ".bashrc").write_text("# not for scripts\ncase $- in *i*) ;; *) return;; esac\n", encoding="utf-8")
        return tmp_path

    def test_ray_accepts_the_file(self, cluster: dict[str, Any]) -> None:
        prepared = accept(cluster)
        assert prepared["worker_setup_commands"][: len(cluster["setup_commands"])] == cluster["setup_commands"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("idle_timeout_minutes", "five"),
            ("setup_commands", [{"run": "true"}]),
            ("file_mount", {}),
            ("auth", {"user": "me"}),
        ],
    )
    def test_ray_refuses_a_broken_copy(self, cluster: dict[str, Any], field: str, value: Any) -> None:
        with pytest.raises(jsonschema.ValidationError):
            accept(cluster | {field: value})

    @pytest.mark.parametrize("role", ["head", "worker"])
    def test_every_start_command_uses_the_token(self, cluster: dict[str, Any], role: str) -> None:
        commands = cluster[f"{role}_start_ray_commands"]
        assert [
            command for command in commands if not re.search(r"RAY_AUTH_MODE=token [^;]*\bray (start|stop)\b", command)
        ] == []

    @pytest.mark.parametrize("role", ["head", "worker"])
    def test_ray_starts_without_usage_reports(self, cluster: dict[str, Any], role: str) -> None:
        (start,) = [command for command in cluster[f"{role}_start_ray_commands"] if "ray start" in command]
        assert re.search(r"RAY_USAGE_STATS_ENABLED=0 [^;]*ray start", start)

    def test_the_dashboard_listens_on_the_head_alone(self, cluster: dict[str, Any]) -> None:
        (start,) = [command for command in cluster["head_start_ray_commands"] if "ray start" in command]
        assert "--dashboard-host=127.0.0.1" in start

    def test_every_machine_gets_the_token(self, cluster: dict[str, Any]) -> None:
        assert cluster["file_mounts"][TOKEN] == TOKEN

    def test_mounted_paths_are_in_the_repository(self, cluster: dict[str, Any]) -> None:
        local = [path for path in cluster["file_mounts"].values() if path != TOKEN]
        assert [path for path in local if Path(path).is_absolute() or not (REPOSITORY / path).exists()] == []

    def test_the_files_of_the_build_are_mounted(self, cluster: dict[str, Any]) -> None:
        assert {"erpo_explore", "search_spaces", "pyproject.toml", "README.md", "constraints.txt"} <= set(
            cluster["file_mounts"].values()
        )

    def test_the_mounted_package_does_not_shadow_the_installed_one(self, cluster: dict[str, Any]) -> None:
        beside_explore_py = {remote.split("/")[1] for remote in cluster["file_mounts"]}
        assert "erpo_explore" not in beside_explore_py

    def test_the_installation_is_pinned(self, cluster: dict[str, Any]) -> None:
        (install,) = [command for command in cluster["setup_commands"] if "pip install" in command]
        assert "-c constraints.txt" in install

    def test_the_file_names_no_path_of_this_machine(self) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert [path for path in (str(REPOSITORY), str(Path.home()), os.fspath(Path.cwd())) if path in text] == []

    @pytest.mark.parametrize("options", [("--login",), ("--login", "-i")], ids=["login", "login as ray does"])
    def test_a_login_shell_finds_the_python_and_the_token(
        self, cluster: dict[str, Any], home: Path, options: tuple[str, ...]
    ) -> None:
        bash(home, profile_command(cluster))
        found = bash(home, "command -v python; echo $RAY_AUTH_MODE $RAY_USAGE_STATS_ENABLED", *options)
        assert found.splitlines() == [str(home / "erpo-venv" / "bin" / "python"), "token 0"]

    def test_a_bash_profile_does_not_hide_it(self, cluster: dict[str, Any], home: Path) -> None:
        (home / ".bash_profile").write_text("PATH=/usr/bin:/bin # no newline at the end", encoding="utf-8")
        bash(home, profile_command(cluster))
        assert bash(home, "command -v python", "--login") == str(home / "erpo-venv" / "bin" / "python")

    def test_without_the_profile_a_login_shell_does_not_find_it(self, home: Path) -> None:
        assert bash(home, "command -v python || true", "--login") != str(home / "erpo-venv" / "bin" / "python")

    @pytest.mark.tools("grep")
    def test_the_profile_is_written_once(self, cluster: dict[str, Any], home: Path) -> None:
        def written() -> dict[str, str]:
            return {file.name: file.read_text(encoding="utf-8") for file in home.iterdir() if file.is_file()}

        bash(home, profile_command(cluster))
        once = written()
        bash(home, profile_command(cluster))
        assert written() == once

    @pytest.mark.parametrize("commands", COMMANDS)
    def test_every_command_is_valid_bash(self, cluster: dict[str, Any], home: Path, commands: str) -> None:
        for command in cluster.get(commands, []):
            bash(home, command, "-n")
