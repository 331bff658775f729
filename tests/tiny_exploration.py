"""A search space that runs to its end in seconds, and a Ray cluster of several nodes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

TINY = {
    "name": "tiny",
    "task": {"name": "toy", "train_pairs": 200, "validation_pairs": 20, "test_pairs": 20},
    "model": {"hidden_size": 8},
    "training": {"steps": 12, "interval": 3, "batch_size": 16, "learning_rate": 0.005, "decay": "none"},
    "search": {"method": "population", "members": 3, "evolve_every": [1]},
    "baselines": ["mle", "interpolation"],
}


@contextmanager
def ray_nodes(*held: dict[str, int]) -> Iterator[list[str]]:
    """Ids of nodes that hold so much each, such as {"num_cpus": 2}, in a Ray whose driver's own node holds nothing."""
    import ray
    from ray.cluster_utils import Cluster

    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    added = [running.add_node(**each) for each in held]
    running.wait_for_nodes()
    ray.init(address=running.address, log_to_driver=False, logging_level="ERROR")
    yield [node.node_id for node in added]
    ray.shutdown()
    running.shutdown()
