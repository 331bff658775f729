"""Keeps trials off machines that can take none, such as those whose disk is full, until they can.

A trial on such a machine fails at once, which frees its slot for the next one: the machine would draw one trial after
the other and use up what all of them may fail. So where a worker has died or had no room for a checkpoint, all slots of
its machine are reserved, with placement groups that hold nothing, and the machine is asked for its free bytes. One that
has room has its slots back at once; one that has none, or starts no process that could say so, as on a disk without a
byte, once it answers that it has. The driver's own machine is left alone: where that is full, nobody can go on.
"""

import errno
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ray
from ray import tune
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["FullDisks"]

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 20.0
"""Between an answer of a machine without room and the next question."""

_PATIENCE_S: Final = 15.0
"""For an answer."""

_NODE: Final = "ray.io/node-id"
"""Label that Ray gives every node."""

_ADDRESS: Final = re.compile(r"\bip[=:] ?([0-9a-fA-F.:]*[0-9a-fA-F])")
"""Where Ray says on which machine a worker failed."""


@dataclass(slots=True)
class _Suspect:
    """A machine whose slots are reserved.

    Attributes:
        groups: What reserves them, those that a trial still holds once that ends.
        answer: Future of its free bytes; None while it is left alone.
        since_s: When it was asked, or answered, on the monotonic clock.
        is_told: Whether the user knows.
    """

    groups: list[PlacementGroup]
    answer: Any
    since_s: float
    is_told: bool = False


class FullDisks(tune.Callback):
    """Reserves the slots of machines without room."""

    def __init__(self, needed_bytes: int, usage: Callable[[str], Any] = shutil.disk_usage) -> None:
        """Know what room is.

        Args:
            needed_bytes: That a machine must have free where its workers stage checkpoints.
            usage: Called on that machine; `free` of what it returns counts.
        """
        self._needed_bytes = needed_bytes
        self._usage = usage
        self._suspects: dict[str, _Suspect] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what ends with the driver."""
        return {"needed_bytes": self._needed_bytes, "usage": self._usage}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew."""
        self.__init__(**state)  # type: ignore[misc]

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Suspect the machine on which a worker has died or had no room."""
        del iteration, trials, info
        address = _troubled_address(trial)
        for node, machine in _machines().items():
            if machine["NodeManagerAddress"] == address and node not in self._suspects:
                groups = _reserve(node, machine, trial.placement_group_factory.bundles[0])
                self._suspects[node] = _Suspect(groups, self._ask(node), time.monotonic())

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The same for one that has failed too often."""
        self.on_trial_recover(iteration, trials, trial, **info)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Take what machines have answered, and ask those again that had no room."""
        del iteration, trials, info
        if not self._suspects:
            return
        machines = _machines()
        for node, suspect in list(self._suspects.items()):
            if node not in machines:
                self._release(node)
                continue
            name, waited_s = machines[node]["NodeManagerHostname"], time.monotonic() - suspect.since_s
            if suspect.answer is None:
                if waited_s >= _PAUSE_S:
                    suspect.answer, suspect.since_s = self._ask(node), time.monotonic()
            elif ray.wait([suspect.answer], timeout=0)[0]:
                self._take(node, name, suspect)
            elif waited_s >= _PATIENCE_S:
                _tell(name, suspect, "starts no worker, as where its disk is full")

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Give back what is reserved."""
        del trials, info
        for node in list(self._suspects):
            self._release(node)

    def _ask(self, node: str) -> Any:
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        asked = ray.remote(num_cpus=0, max_retries=0)(self._usage)
        return asked.options(scheduling_strategy=there).remote(tempfile.gettempdir())

    def _take(self, node: str, name: str, suspect: _Suspect) -> None:
        try:
            free_bytes = int(ray.get(suspect.answer).free)
        except ray.exceptions.RayError:
            _tell(name, suspect, "starts no worker, as where its disk is full")
        else:
            if free_bytes >= self._needed_bytes:
                self._release(node)
                if suspect.is_told:
                    _log.warning("%s has room again", name)
                return
            _tell(name, suspect, f"has no room for checkpoints ({free_bytes:,} bytes free)")
        suspect.answer, suspect.since_s = None, time.monotonic()

    def _release(self, node: str) -> None:
        for group in self._suspects.pop(node).groups:
            remove_placement_group(group)


def _tell(name: str, suspect: _Suspect, what: str) -> None:
    if not suspect.is_told:
        _log.warning("%s %s; nothing is trained there until it has room", name, what)
    suspect.is_told = True


def _machines() -> dict[str, Any]:
    """Those of the cluster that live, by id, but for the driver's."""
    here = ray.get_runtime_context().get_node_id()
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here}


def _reserve(node: str, machine: Mapping[str, Any], bundle: Mapping[str, float]) -> list[PlacementGroup]:
    share = {name: held for name, held in bundle.items() if held}
    num_slots = min(int(machine["Resources"].get(name, 0.0) / held) for name, held in share.items())
    return [placement_group([share], bundle_label_selector=[{_NODE: node}]) for _ in range(num_slots)]


def _troubled_address(trial: Any) -> str | None:
    """Of the machine on which a trial of Tune's has just failed, where its worker died or had no room; else None."""
    if not trial.error_file:
        return None
    # Tune appends each failure to the file
    text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    last = text[text.rfind("Failure # ") :]
    if os.strerror(errno.ENOSPC) not in last and ray.exceptions.ActorDiedError.__name__ not in last:
        return None
    addresses: list[str] = _ADDRESS.findall(last)
    return addresses[-1] if addresses else None
