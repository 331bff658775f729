"""Which trials are ready for a worker and which wait to be judged, without asking all of them at each step of Tune's.

Tune asks its scheduler for a trial several times a report. A trial's state changes by itself only while it is under
way: trains, starts, or writes its checkpoint. So only those few are looked at; the others rest in a queue, or wait.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from ray.tune.experiment import Trial

__all__ = ["Roster"]


class Roster:
    """The trials of an exploration, by what they need.

    Attributes:
        news: Whether a trial has come to wait since the caller last set this to False.
    """

    def __init__(
        self,
        *,
        is_ready: Callable[[Trial], bool],
        waits: Callable[[Trial], bool],
        turn: Callable[[Trial], tuple[bool, int]],
    ) -> None:
        """Begin without trials.

        Args:
            is_ready: Whether a trial needs nothing but a worker.
            waits: Whether a trial waits to be judged; one that does is not ready.
            turn: Location in the queue of those that are ready, the least first; among equals the one that came first.
        """
        self.news = False
        self._is_ready, self._waits, self._turn = is_ready, waits, turn
        self._numbers: dict[Trial, int] = {}
        self._under_way: dict[Trial, None] = {}
        self._queue: list[tuple[tuple[bool, int], int, Trial]] = []
        self._queued: dict[Trial, tuple[bool, int]] = {}
        self._waiting: set[Trial] = set()

    def watch(self, trial: Trial) -> None:
        """Look at a trial, which is new or to which something has happened, until it rests again."""
        self._numbers.setdefault(trial, len(self._numbers))
        self._under_way[trial] = None
        self._waiting.discard(trial)
        self._queued.pop(trial, None)

    def look(self) -> None:
        """See who has come to rest."""
        for trial in list(self._under_way):
            if trial.is_finished():
                del self._under_way[trial]
                # the others may have waited for it
                self.news = True
            elif self._waits(trial):
                self.news = self.news or trial not in self._waiting
                self._waiting.add(trial)
                if trial.status == Trial.PAUSED:
                    del self._under_way[trial]
            elif self._is_ready(trial):
                del self._under_way[trial]
                self._queued[trial] = self._turn(trial)
                heappush(self._queue, (self._queued[trial], self._numbers[trial], trial))

    def first_ready(self) -> Trial | None:
        """Whose turn it is; it stays in the queue until it has started."""
        self.look()
        while self._queue:
            turn, _, trial = self._queue[0]
            if self._queued.get(trial) != turn:
                heappop(self._queue)  # it has left the queue since
            elif self._is_ready(trial):
                return trial
            else:
                self.watch(trial)  # Tune has started it without asking
        return None

    def under_way(self) -> Iterator[Trial]:
        """Those whose state may change by itself."""
        return iter(self._under_way)
