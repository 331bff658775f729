"""Tune's actor manager without worker processes: actors live in this process and run tasks at simulated times.

An actor starts at once in a free slot. A training task takes `interval_s`, all other tasks take no time. Left out:
processes, the network, failures, and the cost of transferring results.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import ray
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor

__all__ = ["StandInActors"]


class StandInActors(RayActorManager):
    """Actors in this process, with an event queue of task completions."""

    slots = 0
    interval_s = 0.0

    def __init__(self, resource_manager: Any) -> None:
        super().__init__(resource_manager)
        self._waiting: deque[tuple[TrackedActor, Any, Any]] = deque()
        self._actors: dict[TrackedActor, Any] = {}
        self._free_at: dict[TrackedActor, float] = {}
        self._epoch: dict[TrackedActor, int] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._num_events = 0

    @property
    def num_live_actors(self) -> int:
        """Number of actors with a slot."""
        return len(self._actors)

    @property
    def num_pending_actors(self) -> int:
        """Number of actors waiting for a slot."""
        return len(self._waiting)

    @property
    def num_total_actors(self) -> int:
        """Number of all actors."""
        return len(self._actors) + len(self._waiting)

    def get_live_actors_resources(self) -> dict[str, float]:
        """Resources in use, one core per actor."""
        return {"CPU": float(len(self._actors))}

    def is_actor_started(self, tracked_actor: TrackedActor) -> bool:
        """Whether the actor has a slot."""
        return tracked_actor in self._actors

    def is_actor_failed(self, tracked_actor: TrackedActor) -> bool:
        """False: stand-ins do not fail."""
        del tracked_actor
        return False

    def add_actor(self, cls: Any, resource_request: Any, kwargs: Any = None, **callbacks: Any) -> TrackedActor:
        """Add an actor to the queue for a slot."""
        del resource_request
        self._num_events += 1
        tracked = TrackedActor(self._num_events, **callbacks)
        self._waiting.append((tracked, cls.__ray_metadata__.modified_class, kwargs))
        return tracked

    def remove_actor(self, tracked_actor: TrackedActor, **options: Any) -> bool:
        """Stop an actor; returns whether it had started."""
        del options
        if self._actors.pop(tracked_actor, None) is None:
            self._waiting = deque(each for each in self._waiting if each[0] != tracked_actor)
            return False
        self._live_actors_to_ray_actors_resources.pop(tracked_actor, None)
        self._at(time.monotonic(), lambda: tracked_actor._on_stop and tracked_actor._on_stop(tracked_actor))
        return True

    def schedule_actor_task(
        self, tracked_actor: TrackedActor, method_name: str, args: Any = (), kwargs: Any = None, **options: Any
    ) -> Any:
        """Schedule a method call after the actor's earlier tasks; training takes one interval."""
        duration_s = self.interval_s if method_name.startswith("train") else 0.0
        when = max(self._free_at.get(tracked_actor, 0.0), time.monotonic()) + duration_s
        self._free_at[tracked_actor] = when
        epoch, actor, on_result = (
            self._epoch.get(tracked_actor, 0),
            self._actors.get(tracked_actor),
            options.get("on_result"),
        )

        def resolve() -> None:
            if epoch == self._epoch.get(tracked_actor, 0) and method_name != "stop":
                result = _call(getattr(actor, method_name), args or (), kwargs or {})
                if on_result:
                    on_result(tracked_actor, result)

        self._at(when, resolve)
        return object() if options.get("_return_future") else None

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        """Cancel the scheduled tasks of an actor."""
        self._epoch[tracked_actor] = self._epoch.get(tracked_actor, 0) + 1

    def next(self, timeout: float | None = None) -> bool:
        """Start waiting actors in free slots, then handle one event that is due before the timeout."""
        while self._waiting and len(self._actors) < self.slots:
            tracked, cls, kwargs = self._waiting.popleft()
            self._actors[tracked] = actor = _call(cls, (), kwargs)
            self._live_actors_to_ray_actors_resources[tracked] = (_Handle(actor), None)
            self._at(time.monotonic(), partial(self._started, tracked))
        wait_s = self._events[0][0] - time.monotonic() if self._events else float(timeout or 0.0)
        if wait_s > 0.0:
            time.sleep(min(wait_s, float(timeout or 0.0)))
        if not self._events or self._events[0][0] > time.monotonic():
            return False
        heapq.heappop(self._events)[2]()
        return True

    def _started(self, tracked: TrackedActor) -> None:
        # Tune may have removed the actor already because a cached one became free
        if tracked in self._actors and tracked._on_start:
            tracked._on_start(tracked)

    def cleanup(self) -> None:
        """Stop all actors."""
        self._actors.clear()

    def _at(self, when: float, event: Callable[[], Any]) -> None:
        self._num_events += 1
        heapq.heappush(self._events, (when, self._num_events, event))


class _Handle:
    """Actor handle with the only method that Tune calls on it directly."""

    def __init__(self, actor: Any) -> None:
        self.get_auto_filled_metrics = SimpleNamespace(
            remote=lambda **options: ray.put(actor.get_auto_filled_metrics(**options))
        )


def _call(method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a method in the name of a worker; a separate function for the profile."""
    return method(*args, **kwargs)
