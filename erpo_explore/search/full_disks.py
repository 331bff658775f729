"""Keeps trials off machines whose disk is full, until there is room again.

A trial on such a machine fails at once, which frees its slot for the next one: the machine would draw one trial after
the other and use up what all of them may fail. So once a trial has failed for want of room, every machine but the
driver's is asked for its free bytes, and all slots of a full one are reserved, with placement groups that hold nothing,
until it has room.
"""

import errno
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import ray
from ray import tune
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["FullDisks"]

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 20.0
"""Between two looks at a machine that was full."""

_NODE: Final = "ray.io/node-id"
"""Label that Ray gives every node."""


class FullDisks(tune.Callback):
    """Reserves what Ray counts as free on machines without room."""

    def __init__(self, needed_bytes: int, usage: Callable[[str], Any] = shutil.disk_usage) -> None:
        """Know what room is.

        Args:
            needed_bytes: That a machine must have free where its workers stage checkpoints.
            usage: Called on that machine; `free` of what it returns counts.
        """
        self._needed_bytes = needed_bytes
        self._usage = usage
        self._asked: dict[str, Any] = {}
        self._reserved: dict[str, list[PlacementGroup]] = {}
        self._share: dict[str, float] = {}
        self._look_at = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Without what ends with the driver."""
        return {"needed_bytes": self._needed_bytes, "usage": self._usage}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew."""
        self.__init__(**state)  # type: ignore[misc]

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Ask every machine, where the trial had no room."""
        del iteration, trials, info
        if _lacked_room(trial):
            self._share = {name: held for name, held in trial.placement_group_factory.bundles[0].items() if held}
            self._ask(set(_machines()) - set(self._reserved))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The same for one that has failed too often."""
        self.on_trial_recover(iteration, trials, trial, **info)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Take what machines have answered, and ask those again that were full."""
        del iteration, trials, info
        if self._reserved and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _PAUSE_S
            self._ask(set(self._reserved))
        for node, answer in list(self._asked.items()):
            if ray.wait([answer], timeout=0)[0]:
                self._take(node, self._asked.pop(node))

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Give back what is reserved."""
        del trials, info
        for node in list(self._reserved):
            self._release(node)

    def _ask(self, nodes: set[str]) -> None:
        asked = ray.remote(num_cpus=0, max_retries=0)(self._usage)
        for node in nodes - set(self._asked):
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            self._asked[node] = asked.options(scheduling_strategy=there).remote(tempfile.gettempdir())

    def _take(self, node: str, answer: Any) -> None:
        machine = _machines().get(node)
        try:
            free = int(ray.get(answer).free)
        except ray.exceptions.RayError:  # that it does not say so is not to say that it is full
            free = self._needed_bytes
        if node in self._reserved and (machine is None or free >= self._needed_bytes):
            self._release(node)
            _log.warning("%s has room again", machine["NodeManagerHostname"] if machine else "a machine that was full")
        elif machine is not None and node not in self._reserved and free < self._needed_bytes:
            self._reserve(node, machine)
            _log.warning(
                "%s has no room for checkpoints (%s bytes free); its slots are left empty until it has",
                machine["NodeManagerHostname"],
                f"{free:,}",
            )

    def _reserve(self, node: str, machine: Mapping[str, Any]) -> None:
        """Take every slot, those that are still held by a trial once that ends."""
        num_slots = min(int(machine["Resources"].get(name, 0.0) / held) for name, held in self._share.items())
        self._reserved[node] = [
            placement_group([self._share], bundle_label_selector=[{_NODE: node}]) for _ in range(num_slots)
        ]

    def _release(self, node: str) -> None:
        for each in self._reserved.pop(node):
            remove_placement_group(each)


def _machines() -> dict[str, Any]:
    """Those of the cluster that live, by id, but for the driver's."""
    here = ray.get_runtime_context().get_node_id()
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here}


def _lacked_room(trial: Any) -> bool:
    """Whether a trial of Tune's has ever failed for want of room."""
    if not trial.error_file:
        return False
    return os.strerror(errno.ENOSPC) in Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
