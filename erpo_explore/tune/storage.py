"""The results folder as Ray Tune's storage, which works on every machine of the cluster.

Workers write checkpoints to it, and read the checkpoint that a trial goes on from, which another machine may have
written. An object store is reached from everywhere. A folder on the driver's disk is served by an actor on the driver's
machine, so that no disk has to be shared.
"""

from pathlib import Path
from typing import Any

import ray
from pyarrow import fs
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from erpo_explore.store.files import Folder, Location
from erpo_explore.tune.driver_disk import NUM_THREADS, DiskServer, driver_disk, server_name

__all__ = ["storage_of"]


def storage_of(location: Location) -> tuple[fs.FileSystem, str]:
    """A results folder as Tune's storage.

    Args:
        location: The folder. For a folder on this machine, an actor is started that lives as long as this driver.

    Returns:
        A file system that works on every machine of the cluster, and the path of the folder in it.

    Raises:
        ResultsError: No file system is known for the URI.
    """
    folder = Folder.at(location)
    if not folder.is_local:
        return folder.filesystem, folder.path
    root = str(Path(folder.path).resolve())
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(DiskServer)
    server = actor.options(
        name=server_name(root),
        get_if_exists=True,
        scheduling_strategy=here,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=NUM_THREADS,
    ).remote(root)
    return driver_disk(root, server), root
