"""Keeps trials off machines that cannot run them, such as those with a full disk, until they can.

A trial on such a machine fails at once, which frees its slot for the next trial. The machine would draw one trial after
the other, and use up all their retries. So when a worker dies or its disk is full, all slots of its machine are
reserved, with placement groups that run nothing, and a task on the machine reads its free disk space. If there is
enough, the slots are released at once. If not, or if the machine starts no process, as with a completely full disk,
they are released once a later task finds enough. The driver's own machine is never reserved: when its disk is full, the
driver cannot write results either.
"""

import errno
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import ray
from ray import tune
from ray.exceptions import RayActorError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from erpo_explore.tune._ray_internals import last_error, node_of_actor, worker_of
from erpo_explore.tune.callbacks.failures import cause_of
from erpo_explore.tune.worker.preemption_signal import PreemptedError

__all__ = ["UnhealthyNodes"]

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 20.0
"""Time between a machine's answer that it lacks disk space and the next check."""

_PATIENCE_S: Final = 15.0
"""Time after which a machine that has not answered counts as one that starts no process."""

_NODE: Final = "ray.io/node-id"
"""Label that Ray gives every node."""


@dataclass(slots=True)
class _Suspect:
    """A machine whose slots are reserved.

    Attributes:
        groups: Placement groups that reserve the slots; a slot that a trial holds is reserved when the trial ends.
        answer: Future of its free bytes; None between two checks.
        since_s: Time of the last check or answer on the monotonic clock.
        is_logged: Whether a warning was logged.
    """

    groups: list[PlacementGroup]
    answer: Any
    since_s: float
    is_logged: bool = False


class UnhealthyNodes(tune.Callback):
    """Reserves the slots of machines without disk space."""

    def __init__(self, needed_bytes: int, usage: Callable[[str], Any] = shutil.disk_usage) -> None:
        """Set the limit.

        Args:
            needed_bytes: Free bytes that a machine needs where its workers stage checkpoints.
            usage: Called on that machine with its folder for temporary files; returns an object with `free`, in bytes.
        """
        self._needed_bytes = needed_bytes
        self._usage = usage
        self._suspects: dict[str, _Suspect] = {}
        self._workers: dict[str, str | None] = {}

    def __getstate__(self) -> dict[str, Any]:
        """State without what ends with the driver."""
        return {"needed_bytes": self._needed_bytes, "usage": self._usage}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin without reserved machines."""
        self.__init__(**state)  # type: ignore[misc]

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the trial's worker: the exception of a task does not name it."""
        del iteration, trials, info
        self._workers[trial.trial_id] = worker_of(trial)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Reserve the machine on which the worker died or its disk was full, and check it."""
        del iteration, trials, info
        node = self._blamed_node(trial)
        if node is None or node in self._suspects:
            return
        machines = _machines()
        if node in machines:
            groups = _reserve(node, machines[node], trial.placement_group_factory.bundles[0])
            self._suspects[node] = _Suspect(groups, self._check(node), time.monotonic())

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """As `on_trial_recover`, for a trial that has no retries left."""
        self.on_trial_recover(iteration, trials, trial, **info)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Take the machines' answers, and check again those that lacked disk space."""
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
                    suspect.answer, suspect.since_s = self._check(node), time.monotonic()
            elif ray.wait([suspect.answer], timeout=0)[0]:
                self._take(node, name, suspect)
            elif waited_s >= _PATIENCE_S:
                _warn(name, suspect, "starts no worker; its disk may be full")

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Release all slots."""
        del trials, info
        for node in list(self._suspects):
            self._release(node)

    def _blamed_node(self, trial: Any) -> str | None:
        """Id of the node that caused a trial's last failure; None where the node is not the cause, or not known."""
        error = last_error(trial)
        if error is None or not _blames_node(cause_of(error)):
            return None
        actor = error.actor_id if isinstance(error, RayActorError) else None
        actor = actor or self._workers.get(trial.trial_id)
        return node_of_actor(actor) if actor else None

    def _check(self, node: str) -> Any:
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        check = ray.remote(num_cpus=0, max_retries=0)(self._usage)
        return check.options(scheduling_strategy=there).remote(tempfile.gettempdir())

    def _take(self, node: str, name: str, suspect: _Suspect) -> None:
        try:
            free_bytes = int(ray.get(suspect.answer).free)
        except ray.exceptions.RayError:
            _warn(name, suspect, "starts no worker; its disk may be full")
        else:
            if free_bytes >= self._needed_bytes:
                self._release(node)
                if suspect.is_logged:
                    _log.warning("%s has disk space again; trials may run there", name)
                return
            _warn(name, suspect, f"has no disk space for checkpoints ({free_bytes:,} bytes free)")
        suspect.answer, suspect.since_s = None, time.monotonic()

    def _release(self, node: str) -> None:
        for group in self._suspects.pop(node).groups:
            remove_placement_group(group)


def _blames_node(cause: BaseException) -> bool:
    """Whether an exception is a lost worker or a full disk."""
    if isinstance(cause, RayActorError):
        return not isinstance(cause, PreemptedError)
    return isinstance(cause, OSError) and cause.errno == errno.ENOSPC


def _warn(name: str, suspect: _Suspect, problem: str) -> None:
    if not suspect.is_logged:
        _log.warning("%s %s; no trial is started there until it has disk space", name, problem)
    suspect.is_logged = True


def _machines() -> dict[str, Any]:
    """Live nodes of the cluster by id, without the driver's."""
    here = ray.get_runtime_context().get_node_id()
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here}


def _reserve(node: str, machine: Mapping[str, Any], bundle: Mapping[str, float]) -> list[PlacementGroup]:
    share = {name: held for name, held in bundle.items() if held}
    num_slots = min(int(machine["Resources"].get(name, 0.0) / held) for name, held in share.items())
    return [placement_group([share], bundle_label_selector=[{_NODE: node}]) for _ in range(num_slots)]
