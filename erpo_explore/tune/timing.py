"""Times an exploration's steps and evaluations on its own machines, with a trial's resources.

As many workers are timed at once as trials will train at the same time, so that the prices hold the contention for
cores, caches and GPUs.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import ray
import torch

from erpo_explore.advice.cost import Timings, kind_of
from erpo_explore.callables import register_all, registered
from erpo_explore.config.experiment import Resources
from erpo_explore.errors import RunError
from erpo_explore.plan.plan import Plan
from erpo_explore.plan.prices import priced_trials
from erpo_explore.space import Point
from erpo_explore.trial.timing import Measured, time_trial
from erpo_explore.trial.training import choose_device
from erpo_explore.tune.resources import num_slots, trial_resources
from erpo_explore.tune.search_path import search_also, searched_last

__all__ = ["time_plan"]

_MOST_WORKERS: Final = 16
"""Timed at once, at most; more on further machines would change the mean little."""


def time_plan(plan: Plan) -> Timings:
    """Time the trials of a plan. Ray must be connected.

    Args:
        plan: The exploration; nothing of it is changed or written.

    Raises:
        RunError: A worker failed, as the trials would.
    """
    resources = plan.experiment.resources
    share = trial_resources(resources, plan.num_trials)
    slots = max(1, min(plan.num_trials, num_slots(share)))
    started = time.monotonic()
    remote: Any = ray.remote(_Stopwatch).options(
        num_cpus=share["cpu"], num_gpus=share["gpu"], memory=share.get("memory")
    )
    data = ray.put((plan.task, plan.experiment, plan.initial_weights, registered()))
    workers = [remote.remote(resources, searched_last()) for _ in range(min(slots, _MOST_WORKERS))]
    try:
        # all of them are ready before one is timed, so that all are timed at once
        ray.get([worker.ready.remote(data) for worker in workers])
        startup_s = time.monotonic() - started
        points = _points(plan)
        measured: list[Measured] = ray.get([worker.time.remote(points) for worker in workers])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise RunError(
            f"a step or an evaluation could not be timed ({type(cause).__name__}: {' '.join(str(cause).split())}); "
            "trials would fail in the same way"
        ) from error
    finally:
        for worker in workers:
            ray.kill(worker)
    return Timings(
        num_slots=slots,
        startup_s=startup_s,
        step_s={kind: _mean([each.step_s[kind] for each in measured]) for kind in points},
        evaluation_s=_mean([each.evaluation_s for each in measured]),
        test_s=_mean([each.test_s for each in measured]),
    )


def _points(plan: Plan) -> dict[str, Point]:
    """One point of each kind that some trial trains at."""
    points: dict[str, Point] = {}
    for part in (plan, plan.first):
        if part is not None:
            for trial in priced_trials(part.experiment, part.task.reward_metric, part.specs):
                for _, point in trial.phases:
                    points.setdefault(kind_of(point), point)
    return points


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class _Stopwatch:
    """A worker that times and trains nothing that stays."""

    def __init__(self, resources: Resources, search_path: Sequence[str]) -> None:
        search_also(search_path)
        torch.set_num_threads(resources.cpus_per_trial)
        self._parts: Any = None

    def ready(self, parts: Any) -> None:
        """Take the data."""
        self._parts = parts
        register_all(parts[3])

    def time(self, points: Mapping[str, Point]) -> Measured:
        """Time steps and an evaluation."""
        task, experiment, initial_weights, _ = self._parts
        return time_trial(
            task,
            experiment.model,
            experiment.training,
            points,
            choose_device(),
            test=experiment.test,
            initial_weights=initial_weights,
        )
