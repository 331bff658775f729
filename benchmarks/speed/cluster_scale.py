"""What an exploration costs its driver where training costs nothing: a thousand trials on two hundred slots.

    python -m benchmarks.speed.cluster_scale                       # 250/50, 500/100 and 1,000/200, 3 reports a trial

Real are the exploration itself (`tune.run.explore`), Tune's controller, the population, recorder, results store,
snapshots and checkpoints. Not real: there are no workers. What stands for Tune's actors is in this process, starts at
once, takes as long as it is told for an interval, and has a few bytes for weights. So processes, the network, and
what results cost on their way are not measured, and what trials do here (`stand-ins`) a cluster does elsewhere. Each
size runs in a process of its own, under cProfile, whose own cost is in all figures.
"""

import argparse
import cProfile
import heapq
import json
import logging
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import ray
import torch
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor

from erpo_explore.config.experiment import Experiment
from erpo_explore.space import Point
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import load_results
from erpo_explore.trial import Observation, Scores
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.evaluation import Sample
from erpo_explore.trial.schedule import ScheduleState
from erpo_explore.tune import tuner
from erpo_explore.tune.run import explore
from erpo_explore.tune.worker.preempted_interval import PreemptedInterval
from erpo_explore.tune.worker.trainable import ErpoTrainable

_SIZES: Final = ((250, 50), (500, 100), (1000, 200))
_SENTENCES: Final = 1000

_ROOMS: Final = {
    "stand-ins": ("_do",),
    "recorder and store": ("observe", "note_checkpoint", "begin"),
    "population": ("choose_trial_to_run", "on_trial_add"),
    "sweeper of checkpoints": ("on_step_end",),
    "Tune's snapshots": ("checkpoint",),
    "compaction": ("compact",),
}
"""Functions whose whole time is a room's; no two of different rooms call each other, but for rooms' own callers."""

_FILES: Final = {
    "stand-ins": "cluster_scale",
    "recorder and store": "callbacks/recorder",
    "population": "schedulers/population",
    "sweeper of checkpoints": "callbacks/checkpoints",
    "Tune's snapshots": "execution/tune_controller",
    "compaction": "store/writer",
}


class StandInRun:
    """A training run that gains its task weight each interval."""

    longest_interval_s = None
    model = SimpleNamespace(num_parameters=0)

    def __init__(self, training: Any, spec: Any) -> None:
        self._training, self._spec = training, spec
        self._schedule, self._score, self.step = ScheduleState(spec.path), 0.0, 0

    @property
    def in_last_interval(self) -> bool:
        """Whether the next interval is the last."""
        return bool(self.step + self._training.interval >= self._training.steps)

    @property
    def interval_start(self) -> dict[str, Any]:
        """Identifies the next interval."""
        return {"step": self.step}

    def set_target(self, point: Point, *, num_intervals: int) -> None:
        """Give the path its next knot."""
        at = min(1.0, num_intervals * self._training.interval / self._training.steps)
        self._schedule.set_target(point, now=self.step / self._training.steps, at=at)

    def advance(self, **options: Any) -> Observation:
        """One interval."""
        del options
        self.step += self._training.interval
        progress = self.step / self._training.steps
        point = self._schedule.point(progress)
        generator = np.random.default_rng((self._spec.seed, self.step))
        self._score += point.reward.task + float(generator.random())
        values_ND = generator.integers(0, 20, (_SENTENCES, 10)).astype(np.float32)
        return Observation(
            step=self.step,
            progress=progress,
            point=point,
            path=self._schedule.path_so_far(progress),
            status="finished" if self.step >= self._training.steps else "running",
            train_loss_nats=1.0,
            scores=Scores(
                validation_nll_nats=1.0,
                score=self._score,
                signature="simulated",
                statistics=CorpusStatistics(kind="bleu", values_ND=values_ND),
                samples=tuple(
                    Sample(index=index, source="a b", reference="c d", hypothesis="c e", sentence_score=1.0)
                    for index in range(8)
                ),
            ),
            entropy_nats=None,
            mean_reward=None,
            effective_sample_size=None,
            tokens_per_s=1.0,
            elapsed_s=float(self.step),
            device="cpu",
        )

    def state(self) -> dict[str, Any]:
        """As a real one, without weights."""
        known = {
            "trial": self._spec.name,
            "schedule": self._schedule.state(),
            "step": self.step,
            "elapsed_s": self._score,
        }
        missing = ("attempt", "model", "optimizer", "weights_generator", "draws_generator", "longest_interval_s")
        return known | dict.fromkeys(missing, torch.zeros(1))

    def load_state(self, state: dict[str, Any]) -> None:
        """Become the run that `state` was taken of."""
        self._schedule, self.step, self._score = (
            ScheduleState.from_state(state["schedule"]),
            state["step"],
            state["elapsed_s"],
        )


class StandInTrial(ErpoTrainable):
    """The product's Trainable around such a run."""

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment.from_dict(config)
        self._spec = assignment.spec
        self._run: Any = StandInRun(self._parts[2], self._spec)
        self._set_target(assignment)
        self._preempted_interval = PreemptedInterval(self._interval_file())


class StandInActors(RayActorManager):
    """Tune's actors, in this process: a task's method is called when its time has come."""

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
        """Those that hold a slot."""
        return len(self._actors)

    @property
    def num_pending_actors(self) -> int:
        """Those that wait for one."""
        return len(self._waiting)

    @property
    def num_total_actors(self) -> int:
        """Both."""
        return len(self._actors) + len(self._waiting)

    def get_live_actors_resources(self) -> dict[str, float]:
        """One core each."""
        return {"CPU": float(len(self._actors))}

    def is_actor_started(self, tracked_actor: TrackedActor) -> bool:
        """Whether it holds a slot."""
        return tracked_actor in self._actors

    def is_actor_failed(self, tracked_actor: TrackedActor) -> bool:
        """None ever does."""
        del tracked_actor
        return False

    def add_actor(self, cls: Any, resource_request: Any, kwargs: Any = None, **callbacks: Any) -> TrackedActor:
        """Have one wait for a slot."""
        del resource_request
        self._num_events += 1
        tracked = TrackedActor(self._num_events, **callbacks)
        self._waiting.append((tracked, cls.__ray_metadata__.modified_class, kwargs))
        return tracked

    def remove_actor(self, tracked_actor: TrackedActor, **how: Any) -> bool:
        """End one; whether it had begun."""
        del how
        if self._actors.pop(tracked_actor, None) is None:
            self._waiting = deque(each for each in self._waiting if each[0] != tracked_actor)
            return False
        self._live_actors_to_ray_actors_resources.pop(tracked_actor, None)
        self._at(time.monotonic(), lambda: tracked_actor._on_stop and tracked_actor._on_stop(tracked_actor))
        return True

    def schedule_actor_task(
        self, tracked_actor: TrackedActor, method_name: str, args: Any = (), kwargs: Any = None, **given: Any
    ) -> Any:
        """Call a method after what the actor has to do already, an interval later where it trains."""
        takes_s = self.interval_s if method_name.startswith("train") else 0.0
        when = max(self._free_at.get(tracked_actor, 0.0), time.monotonic()) + takes_s
        self._free_at[tracked_actor] = when
        epoch, actor, on_result = (
            self._epoch.get(tracked_actor, 0),
            self._actors.get(tracked_actor),
            given.get("on_result"),
        )

        def resolve() -> None:
            if epoch == self._epoch.get(tracked_actor, 0) and method_name != "stop":
                result = _do(getattr(actor, method_name), args or (), kwargs or {})
                if on_result:
                    on_result(tracked_actor, result)

        self._at(when, resolve)
        return object() if given.get("_return_future") else None

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        """Forget what it was told to do."""
        self._epoch[tracked_actor] = self._epoch.get(tracked_actor, 0) + 1

    def next(self, timeout: float | None = None) -> bool:
        """Start what finds a slot, then one event, if its time comes before the timeout."""
        while self._waiting and len(self._actors) < self.slots:
            tracked, cls, kwargs = self._waiting.popleft()
            self._actors[tracked] = actor = _do(cls, (), kwargs)
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
        # one that was given up again at once, since another had become free, is not heard of
        if tracked in self._actors and tracked._on_start:
            tracked._on_start(tracked)

    def cleanup(self) -> None:
        """End all."""
        self._actors.clear()

    def _at(self, when: float, event: Callable[[], Any]) -> None:
        self._num_events += 1
        heapq.heappush(self._events, (when, self._num_events, event))


class _Handle:
    """What Tune asks of an actor's handle itself: its metrics before its first report."""

    def __init__(self, actor: Any) -> None:
        self.get_auto_filled_metrics = SimpleNamespace(
            remote=lambda **asked: ray.put(actor.get_auto_filled_metrics(**asked))
        )


def _do(method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a cluster does elsewhere."""
    return method(*args, **kwargs)


def measure(trials: int, slots: int, reports: int, interval_s: float) -> dict[str, Any]:
    """Run one size; its figures."""
    space = Experiment.from_dict(
        {
            "name": "scale",
            "task": {"name": "toy"},
            "model": {"hidden_size": 8},  # is never built, but room for its checkpoints is asked for
            "training": {"steps": reports, "interval": 1},
            "search": {"method": "population", "members": trials, "evolve_every": [1]},
            "baselines": [],
        }
    )
    ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    StandInActors.slots, StandInActors.interval_s = slots, interval_s
    before_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    profile, started, cpu = cProfile.Profile(), time.perf_counter(), time.process_time()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("ray.tune.execution.tune_controller.RayActorManager", StandInActors),
        patch.object(tuner, "ErpoTrainable", StandInTrial),
    ):
        profile.enable()
        outcome = explore(space, Path(folder) / "results")
        profile.disable()
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        num_reports = len(load_results(Path(folder) / "results", columns=["trial"]))
    if outcome.status != "finished" or outcome.num_failed or num_reports != trials * reports:
        raise RuntimeError(f"{num_reports} of {trials * reports} reports, {outcome}")
    there, free = ray.cluster_resources(), ray.available_resources()
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ray.shutdown()
    return {
        "trials": trials,
        "slots": slots,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "reports_per_s": num_reports / wall_s,
        "cpu_ms_per_report": 1e3 * cpu_s / num_reports,
        "grown_mb": (peak_bytes - before_bytes) / 1e6,
        "object_store_mb": (there["object_store_memory"] - free["object_store_memory"]) / 1e6,
        "rooms_s": _rooms(profile),
    }


def _rooms(profile: cProfile.Profile) -> dict[str, float]:
    """Seconds, waiting left out, of each room, profiler included; the rest is Tune's controller."""
    timed: Any = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed does not know it
    rooms = {
        room: sum(entry[3] for (file, _, name), entry in timed.items() if name in names and _FILES[room] in file)
        for room, names in _ROOMS.items()
    }
    slept = sum(entry[2] for (_, _, name), entry in timed.items() if "time.sleep" in name)
    total = sum(entry[2] for entry in timed.values()) - slept
    return rooms | {"the rest, most of it Tune's controller": total - sum(rooms.values())}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=[f"{trials}/{slots}" for trials, slots in _SIZES])
    parser.add_argument("--reports", type=int, default=3, help="of each trial")
    parser.add_argument("--interval-s", type=float, default=0.2, help="that a report takes its slot")
    parser.add_argument("--one", action="store_true", help="of the sizes, in this process, as JSON")
    chosen = parser.parse_args()
    sizes = [tuple(map(int, size.split("/"))) for size in chosen.sizes]
    os.environ |= {"RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    if chosen.one:
        print(json.dumps(measure(*sizes[0], chosen.reports, chosen.interval_s)))
        return
    print("| trials / slots | wall, s | reports/s | CPU, ms a report | memory, MB | object store, MB | rooms, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for trials, slots in sizes:
        command = [sys.executable, "-m", "benchmarks.speed.cluster_scale", "--one", "--sizes", f"{trials}/{slots}"]
        command += ["--reports", str(chosen.reports), "--interval-s", str(chosen.interval_s)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
        got = json.loads(ended.stdout.splitlines()[-1])
        rooms = ", ".join(f"{room} {spent:.1f}" for room, spent in got["rooms_s"].items())
        print(
            f"| {trials:,} / {slots} | {got['wall_s']:.1f} | {got['reports_per_s']:.1f} "
            f"| {got['cpu_ms_per_report']:.1f} "
            f"| {got['grown_mb']:.0f} | {got['object_store_mb']:.1f} | {rooms} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
