"""The cluster file for your own machines; no machine is contacted (`make cluster-test` does)."""

import re
from typing import Any

from .conformance import COMMANDS, REPOSITORY, ClusterFileConformance, accept


class TestOnpremYaml(ClusterFileConformance):
    file = REPOSITORY / "cluster" / "onprem.yaml"

    def test_every_worker_is_kept_in_the_cluster(self, cluster: dict[str, Any]) -> None:
        (kind,) = accept(cluster)["available_node_types"].values()
        assert kind["min_workers"] == kind["max_workers"] == len(cluster["provider"]["worker_ips"])

    def test_it_is_started_by_the_autoscaler_that_starts_workers(self, cluster: dict[str, Any]) -> None:
        (start,) = [command for command in cluster["head_start_ray_commands"] if "ray start" in command]
        assert re.search(r"RAY_enable_autoscaler_v2=0 [^;]*ray start --head", start)

    def test_a_user_need_not_be_root(self, cluster: dict[str, Any]) -> None:
        assert "sudo" not in str(cluster)

    def test_no_disk_is_shared(self, cluster: dict[str, Any]) -> None:
        assert not re.search(r"\bmount |\bnfs", str([cluster.get(commands, []) for commands in COMMANDS]))

    def test_the_lines_to_edit_are_hosts_user_and_key(self) -> None:
        edited = re.findall(r"^ *(\w+): .* # EDIT", self.file.read_text(encoding="utf-8"), re.MULTILINE)
        assert edited == ["head_ip", "worker_ips", "ssh_user", "ssh_private_key"]
