"""Further checks for cluster files of a cloud: one permanent head, spot workers, one image for all machines."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from erpo_explore.errors import ConfigError
from erpo_explore.launch import load_cluster_file

from .conformance import REPOSITORY, ClusterFileConformance, accept

__all__ = ["CloudFileConformance"]


class CloudFileConformance(ClusterFileConformance):
    """Base class; derive a `Test…` class for each cloud, with the field names of its node_config."""

    library: str
    """Package that starts and terminates machines; the head needs it, too."""

    placeholder: str
    """Text that the user must replace."""

    def is_spot(self, node: dict[str, Any]) -> bool:
        raise NotImplementedError

    def image(self, node: dict[str, Any]) -> str:
        raise NotImplementedError

    def nodes(self, cluster: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {name: kind["node_config"] for name, kind in cluster["available_node_types"].items()}

    def test_there_is_one_head(self, cluster: dict[str, Any]) -> None:
        assert accept(cluster)["available_node_types"]["head"]["max_workers"] == 0

    def test_ray_refuses_a_head_that_is_not_described(self, cluster: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="head_node_type"):
            accept(cluster | {"head_node_type": "boss"})

    def test_only_workers_are_spot_machines(self, cluster: dict[str, Any]) -> None:
        assert {name for name, node in self.nodes(cluster).items() if self.is_spot(node)} == {"worker"}

    def test_every_machine_starts_from_one_image(self, cluster: dict[str, Any]) -> None:
        assert len({self.image(node) for node in self.nodes(cluster).values()}) == 1

    def test_the_head_has_a_gpu_so_that_trials_request_a_share(self, cluster: dict[str, Any]) -> None:
        assert all(kind["resources"]["GPU"] >= 1 for kind in cluster["available_node_types"].values())

    def test_the_file_limits_its_cost(self, cluster: dict[str, Any]) -> None:
        assert cluster["max_workers"] == cluster["available_node_types"]["worker"]["max_workers"]
        assert cluster["idle_timeout_minutes"] > 0

    def test_the_head_gets_the_clouds_library_pinned(self, cluster: dict[str, Any]) -> None:
        (install,) = cluster["head_setup_commands"]
        assert install.split()[-3:] == ["-c", "constraints.txt", self.library]
        assert f"\n{self.library}==" in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")

    def test_submit_accepts_the_completed_file(
        self, cluster: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(REPOSITORY)
        with pytest.raises(ConfigError, match=f"is still {self.placeholder}"):
            load_cluster_file(self.file)
        edited = tmp_path / self.file.name
        edited.write_text(self.file.read_text(encoding="utf-8").replace(self.placeholder, "mine"), encoding="utf-8")
        assert load_cluster_file(edited).name == yaml.safe_load(edited.read_text(encoding="utf-8"))["cluster_name"]
