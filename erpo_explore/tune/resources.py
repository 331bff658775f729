"""The share of a machine that each trial holds."""

import logging
from collections.abc import Mapping
from typing import Final

import ray

from erpo_explore.config.experiment import Resources
from erpo_explore.errors import ConfigError

__all__ = ["check_resources", "num_slots", "trial_resources"]

_log = logging.getLogger(__name__)

_MIN_GPU_SHARE: Final = 0.25

_ROUNDING: Final = 1e-6
"""Ray keeps four decimals; three shares of a third fill a GPU."""

_RAY_NAMES: Final = {"cpu": "CPU", "gpu": "GPU", "memory": "memory"}
"""Names of resources in the description of a node, by their names in a trial's resources."""

_FIELDS: Final = {
    "cpu": ("cpus_per_trial", 1.0),
    "gpu": ("gpus_per_trial", 1.0),
    "memory": ("memory_per_trial_gb", 1e9),
}
"""The field of a resource and its unit."""


def trial_resources(resources: Resources, num_trials: int) -> dict[str, float]:
    """Resources of one trial, as Tune takes them.

    Args:
        resources: What the user wrote. Without `gpus_per_trial`, the trials share the cluster's GPUs evenly, with at
            least 1/4 and at most one GPU each.
        num_trials: Number of trials that share the GPUs.

    Returns:
        CPU cores, GPUs, and main memory in bytes where it is limited.
    """
    gpus = resources.gpus_per_trial
    if gpus is None:
        num_gpus = float(ray.cluster_resources().get("GPU", 0.0))
        gpus = min(1.0, max(_MIN_GPU_SHARE, num_gpus / num_trials)) if num_gpus else 0.0
    share = {"cpu": float(resources.cpus_per_trial), "gpu": gpus}
    if resources.memory_per_trial_gb is not None:
        share["memory"] = resources.memory_per_trial_gb * 1e9
    return share


def num_slots(share: Mapping[str, float]) -> int:
    """Number of trials that the cluster's machines can hold at the same time, as they are now.

    Args:
        share: Resources of one trial, as `trial_resources` returns them.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(
        min(int(node.get(_RAY_NAMES[name], 0.0) / held + _ROUNDING) for name, held in share.items() if held > 0.0)
        for node in nodes
    )


def check_resources(resources: Resources, num_trials: int, *, is_alone: bool) -> None:
    """Refuse, or warn of, resources of a trial that no machine has.

    Args:
        resources: As for `trial_resources`.
        num_trials: As for `trial_resources`.
        is_alone: Whether no other machine can join. Else it is a warning, since one that has them may.

    Raises:
        ConfigError: No machine has them, and none can join.
    """
    share = trial_resources(resources, num_trials)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(_held(node, name) >= wanted for name, wanted in share.items()) for node in nodes):
        return
    for name, wanted in share.items():
        held = max((_held(node, name) for node in nodes), default=0.0)
        if is_alone and wanted > held:
            field, unit = _FIELDS[name]
            raise ConfigError(
                f"resources.{field} must be at most {held / unit:.4g} on this machine, got {wanted / unit:.4g}; lower "
                "it, or name a cluster with `--address`"
            )
    named = ", ".join(f"{name} {wanted:g}" for name, wanted in share.items())
    _log.warning(
        "no machine has the resources of one trial (%s); trials wait for a machine that has, or lower `resources`",
        named,
    )


def _held(node: Mapping[str, float], name: str) -> float:
    return node.get(_RAY_NAMES[name], 0.0)
