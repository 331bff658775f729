"""The queue against asking every trial at every step."""

from hypothesis import given
from hypothesis import strategies as st
from ray.tune.experiment import Trial

from erpo_explore.tune.schedulers.ready_queue import ReadyQueue


class FakeTrial(Trial):
    """As much of Tune's trial as the queue sees."""

    def __init__(self, *, status: str = Trial.PENDING, waits: bool = False) -> None:
        self.status = status
        self.waits = waits
        self.priority = 0
        self.has_reported = False

    def __repr__(self) -> str:
        return f"{self.status}, priority {self.priority}{', waits' if self.waits else ''}"

    def __hash__(self) -> int:
        return id(self)

    def is_finished(self) -> bool:
        return self.status == Trial.TERMINATED

    def is_ready(self) -> bool:
        return self.status in (Trial.PENDING, Trial.PAUSED) and not self.waits


def new_queue(trials: list[FakeTrial]) -> ReadyQueue:
    queue = ReadyQueue(
        is_ready=lambda trial: trial.is_ready(),
        waits=lambda trial: trial.waits,
        priority=lambda trial: (False, trial.priority),
    )
    for trial in trials:
        queue.watch(trial)
    return queue


EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["start", "report", "wait", "pause", "finish", "judge", "fail"])),
    max_size=80,
)


@given(events=EVENTS)
def test_ready_queue_matches_full_scan(
    events: list[tuple[int, str]],
) -> None:
    trials = [FakeTrial() for _ in range(6)]
    queue = new_queue(trials)
    waited: set[int] = set()
    for index, event in events:
        trial = trials[index]
        if event == "start" and trial.is_ready():
            trial.status, trial.has_reported = Trial.RUNNING, False  # Tune may start a trial by itself
        elif trial.status == Trial.RUNNING and event in ("report", "wait", "pause", "finish", "fail"):
            if event == "report" and not trial.waits:
                trial.priority, trial.has_reported = trial.priority + 1, True
                queue.watch(trial)
            elif event == "wait" and trial.has_reported:
                trial.waits = True
            elif event == "pause":
                trial.status = Trial.PAUSED
            elif event == "finish":
                trial.status = Trial.TERMINATED
            elif event == "fail" and not trial.waits:
                trial.status = Trial.PENDING
                queue.watch(trial)
        elif event == "judge" and trial.waits and not trial.is_finished():
            trial.waits = False
            queue.watch(trial)
            waited.discard(index)
        expected = min((each for each in trials if each.is_ready()), key=lambda each: each.priority, default=None)
        assert queue.first_ready() is expected
        waiting = {number for number, each in enumerate(trials) if each.waits and not each.is_finished()}
        assert queue.changed or waiting <= waited
        waited |= waiting
        queue.changed = False


def test_queued_and_waiting_trials_are_not_examined() -> None:
    trials = [FakeTrial(status=Trial.PAUSED, waits=index % 2 == 0) for index in range(10)]
    queue = new_queue(trials)
    assert queue.first_ready() is trials[1]
    assert list(queue.active()) == []
    trials[1].status = Trial.RUNNING
    assert queue.first_ready() is trials[3]
    assert list(queue.active()) == [trials[1]]
