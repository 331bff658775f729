"""The cluster of cloud GPUs on AWS; nothing here reaches a cloud."""

import re
from typing import Any

import pytest

from .conformance import REPOSITORY, ClusterFileConformance, accept


class TestGpuYaml(ClusterFileConformance):
    file = REPOSITORY / "cluster" / "gpu.yaml"

    def test_the_head_is_one(self, cluster: dict[str, Any]) -> None:
        assert accept(cluster)["available_node_types"]["head"]["max_workers"] == 0

    def test_ray_refuses_a_head_that_is_not_described(self, cluster: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="head_node_type"):
            accept(cluster | {"head_node_type": "boss"})

    def test_only_workers_are_spot_machines(self, cluster: dict[str, Any]) -> None:
        spot = {
            name
            for name, node in cluster["available_node_types"].items()
            if "InstanceMarketOptions" in node["node_config"]
        }
        assert spot == {"worker"}

    def test_every_machine_starts_from_one_image(self, cluster: dict[str, Any]) -> None:
        images = {node["node_config"]["ImageId"] for node in cluster["available_node_types"].values()}
        assert len(images) == 1

    def test_the_head_has_a_gpu_so_that_trials_ask_for_a_share(self, cluster: dict[str, Any]) -> None:
        assert all(node["resources"]["GPU"] >= 1 for node in cluster["available_node_types"].values())

    def test_workers_mount_what_the_head_exports(self, cluster: dict[str, Any]) -> None:
        exported = re.search(r"echo '(\S+) ", "\n".join(cluster["head_setup_commands"]))
        mounted = re.search(r'"\$RAY_HEAD_IP:(\S+)" (\S+);', "\n".join(cluster["worker_setup_commands"]))
        assert exported is not None
        assert mounted is not None
        assert mounted.groups() == (exported[1], exported[1])
