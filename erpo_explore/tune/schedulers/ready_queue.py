"""A priority queue of trials that are ready for a worker, kept up to date without a full scan per step.

Tune calls its scheduler several times per report. A trial's state changes by itself only while it is active: while it
trains, starts, or writes its checkpoint. So only the few active trials are examined; the others are queued or waiting.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from ray.tune.experiment import Trial

__all__ = ["ReadyQueue"]


class ReadyQueue:
    """The trials of an exploration, by what they need.

    Attributes:
        changed: Whether a trial has begun to wait or has ended since the caller last set this to False.
    """

    def __init__(
        self,
        *,
        is_ready: Callable[[Trial], bool],
        waits: Callable[[Trial], bool],
        priority: Callable[[Trial], tuple[bool, int]],
    ) -> None:
        """Begin without trials.

        Args:
            is_ready: Whether a trial needs nothing but a worker.
            waits: Whether a trial waits for a decision of the population; such a trial is not ready.
            priority: Sort key of ready trials, smallest first; among equals the trial that was added first.
        """
        self.changed = False
        self._is_ready, self._waits, self._priority = is_ready, waits, priority
        self._numbers: dict[Trial, int] = {}
        self._active: dict[Trial, None] = {}
        self._queue: list[tuple[tuple[bool, int], int, Trial]] = []
        self._queued: dict[Trial, tuple[bool, int]] = {}
        self._waiting: set[Trial] = set()

    def watch(self, trial: Trial) -> None:
        """Treat a trial as active from now on: it is new, or its state was changed from outside."""
        self._numbers.setdefault(trial, len(self._numbers))
        self._active[trial] = None
        self._waiting.discard(trial)
        self._queued.pop(trial, None)

    def refresh(self) -> None:
        """Examine the active trials, and sort out those that are no longer active."""
        for trial in list(self._active):
            if trial.is_finished():
                del self._active[trial]
                # the others may have waited for it
                self.changed = True
            elif self._waits(trial):
                self.changed = self.changed or trial not in self._waiting
                self._waiting.add(trial)
                if trial.status == Trial.PAUSED:
                    del self._active[trial]
            elif self._is_ready(trial):
                del self._active[trial]
                self._queued[trial] = self._priority(trial)
                heappush(self._queue, (self._queued[trial], self._numbers[trial], trial))

    def first_ready(self) -> Trial | None:
        """The ready trial with the highest priority; it stays in the queue until it has started."""
        self.refresh()
        while self._queue:
            priority, _, trial = self._queue[0]
            if self._queued.get(trial) != priority:
                heappop(self._queue)  # it has left the queue since
            elif self._is_ready(trial):
                return trial
            else:
                self.watch(trial)  # Tune has started it by itself
        return None

    def active(self) -> Iterator[Trial]:
        """The trials whose state may change by itself."""
        return iter(self._active)
