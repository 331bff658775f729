"""Ray Tune's own methods on the surface: ASHA, PBT and PB2.

They draw from the process-wide generators, which `seeded` seeds and restores. Paths are linear between knots, as ours,
and populations start at maximum likelihood.
"""

import contextlib
import logging
import random  # noqa: TID251 - Tune's schedulers draw from it, so it is seeded here
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, PopulationBasedTraining, TrialScheduler
from ray.tune.schedulers.pb2 import PB2

from benchmarks.searches.population import MEMBERS, Population, random_path
from benchmarks.searches.surface import States, Surface, coordinates
from benchmarks.searches.surface_paths import INTERVALS, RANGES, mixed
from benchmarks.searches.tune_stand_ins import StandInController, StandInTrial
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point

__all__ = ["asha", "pb2", "pbt", "seeded"]


def asha(surface: Surface, seed: int, *, knots: int = 1) -> list[Path]:
    """Tune's AsyncHyperBandScheduler over random paths, eight at a time, with the same number of intervals in total.

    Rungs are at their defaults, 1 and 4 intervals. A path's score is its last observed one.
    """
    generator, observations = keyed_generator(seed, 0), keyed_generator(seed, 1)
    scheduler = AsyncHyperBandScheduler(metric="score", mode="max", max_t=INTERVALS, grace_period=1)
    with seeded(seed):
        running: list[tuple[StandInTrial, Path, States]] = []
        best_score, found, num_trials = -np.inf, [], 0
        best = Path.constant(mixed())
        for _ in range(INTERVALS):
            while len(running) < MEMBERS:
                path, trial = random_path(generator, knots), StandInTrial(f"trial-{num_trials:03d}", {})
                num_trials += 1
                scheduler.on_trial_add(None, trial)
                running.append((trial, path, States.first(coordinates(path.at(0.0))[None])))
            continuing = []
            for trial, path, before in running:
                knot_1C = coordinates(path.at((before.interval + 1) / INTERVALS))[None]
                after = surface.advance(before, knot_1C, observations)
                score = float(surface.observe(after, observations).mean())
                if score > best_score:
                    best_score, best = score, path
                result = {"training_iteration": after.interval, "score": score}
                if scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE:
                    continuing.append((trial, path, after))
            running = continuing
            found.append(best)
    return found


def pbt(surface: Surface, seed: int) -> list[Path]:
    """Tune's PopulationBasedTraining, synchronous; values outside of the ranges are clipped."""
    mutations = {name: tune.uniform(*limits) for name, limits in RANGES.items() if name != "temperature"}
    mutations["temperature"] = tune.loguniform(*RANGES["temperature"])
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="score",
        mode="max",
        perturbation_interval=1,
        hyperparam_mutations=mutations,
        custom_explore_fn=_clipped,
        log_config=False,
        synch=True,
    )
    return _run(surface, seed, scheduler, lambda config: mixed(**config))


def pb2(surface: Surface, seed: int) -> list[Path]:
    """Tune's PB2, synchronous; temperatures are searched in their logarithm."""
    bounds = {name: list(limits) for name, limits in RANGES.items() if name != "temperature"}
    bounds["log_temperature"] = [float(limit) for limit in np.log(RANGES["temperature"])]
    scheduler = PB2(
        time_attr="training_iteration",
        metric="score",
        mode="max",
        perturbation_interval=1,
        hyperparam_bounds=bounds,
        log_config=False,
        synch=True,
    )

    def point(config: Mapping[str, float]) -> Point:
        weights = {name: float(config[name]) for name in ("noise", "task", "model")}
        return mixed(**weights, temperature=float(np.exp(config["log_temperature"])))

    return _run(surface, seed, scheduler, point)


def _clipped(config: dict[str, Any]) -> dict[str, Any]:
    return {name: float(np.clip(config[name], *limits)) for name, limits in RANGES.items()}


def _run(
    surface: Surface, seed: int, scheduler: PopulationBasedTraining, point: Callable[[Mapping[str, float]], Point]
) -> list[Path]:
    """Search with one of Tune's population schedulers; a trial's config gives its next knot."""
    trials = [StandInTrial(f"trial-{index}", {}) for index in range(MEMBERS)]
    controller = StandInController(trials)
    population = Population.starting(surface, seed, [Path.constant(mixed())] * MEMBERS)
    found = []
    with seeded(seed):
        for trial in trials:
            scheduler.on_trial_add(controller, trial)
        for interval in range(1, INTERVALS + 1):
            population.paths = [
                path.then(interval / INTERVALS, point(trial.config))
                for path, trial in zip(population.paths, trials, strict=True)
            ]
            population.advance()
            found.append(population.best)
            for index, trial in enumerate(trials):
                metrics = {"training_iteration": interval, "score": float(population.score_N[index])}
                trial.save((index,), metrics)  # in a tuple, because the schedulers treat 0 as no checkpoint
                scheduler.on_trial_result(controller, trial, metrics)
            origins = [trial.checkpoint[0] for trial in trials]
            population.clone(origins, [population.paths[origin] for origin in origins])
    return found


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the process-wide generators, and restore them afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002 - see above
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    log = logging.getLogger("ray.tune")
    level = log.level
    log.setLevel(logging.WARNING)  # otherwise one or more lines per clone
    try:
        with warnings.catch_warnings():
            # PB2's kernel warns about its bounds at nearly every fit
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002
