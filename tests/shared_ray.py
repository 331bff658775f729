"""The connection of the test process to a Ray: the shared one, or one of several nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["connect", "disconnect", "ray_nodes"]


def connect(address: str) -> None:
    """Connect to a Ray, unless this process is connected to it already."""
    import ray

    if ray.is_initialized():
        if ray.get_runtime_context().gcs_address == address:
            return
        ray.shutdown()
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")


def disconnect() -> None:
    """Disconnect from any Ray; one that runs apart from this process goes on."""
    import ray

    ray.shutdown()


@contextmanager
def ray_nodes(*held: dict[str, int], **system: Any) -> Iterator[tuple[Any, list[Any]]]:
    """A Ray of its own, whose driver's node holds nothing, and further nodes.

    Args:
        held: What each further node holds, such as {"num_cpus": 2}.
        system: Settings of Ray's own.

    Yields:
        The cluster, and its further nodes; this process is connected.
    """
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False} | ({"_system_config": system} if system else {})
    running = Cluster(initialize_head=True, head_node_args=head)
    added = [running.add_node(**each) for each in held]
    running.wait_for_nodes()
    connect(running.address)
    yield running, added
    disconnect()
    running.shutdown()
