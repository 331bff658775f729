"""Searches for a path on the surface, each with a budget of 8 members × 10 intervals.

Every one is a function of (surface, seed) and hands over, after each of the ten shares of its budget, the path that it
would hand over then: that of the member with the best observed score, which stays where it is from there on.

Random points and paths, ASHA, PBT and PB2 are what they are elsewhere: the last three are Tune's own classes. They draw
from the process-wide generators, which are seeded here and put back afterwards. All walk as ours do, in a straight line
to the next knot, and from maximum likelihood where a population begins.
"""

import contextlib
import logging
import random  # noqa: TID251 - Tune's schedulers draw from it, so it is seeded here
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, PopulationBasedTraining, TrialScheduler
from ray.tune.schedulers.pb2 import PB2

from benchmarks.searches.surface import States, Surface, coordinates
from benchmarks.searches.surface_paths import INTERVALS, RANGES, mixed
from benchmarks.searches.tune_stand_ins import StandInController, StandInTrial
from erpo_explore.config.search import Search
from erpo_explore.search.decisions import decide
from erpo_explore.search.proposals import random_point, start_point
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.streams import keyed_generator
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path, Point
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["MEMBERS", "METHODS", "VARIANTS", "Method", "annealing", "asha", "pb2", "pbt", "random_paths", "seeded"]

MEMBERS: Final = 8
METRIC: Final = "bleu"
SEARCH: Final = Search(members=MEMBERS, ranges=dict(RANGES))
Method = Callable[[Surface, int], list[Path]]
"""The surface and a seed to the path that is handed over after each share of the budget."""


@dataclass(slots=True)
class _Population:
    """Members on the surface, with their paths and what was last observed of them."""

    surface: Surface
    generator: np.random.Generator
    states: States
    paths: list[Path]
    sentences_NS: np.ndarray
    scores_NT: list[list[float]]

    @classmethod
    def starting(cls, surface: Surface, seed: int, paths: list[Path]) -> "_Population":
        """Members that have not trained yet.

        Args:
            surface: Where they walk.
            seed: Of their luck and of the noise of evaluation; that of decisions is another stream.
            paths: What they are to walk, as far as that is known.
        """
        knot_NC = np.stack([coordinates(path.at(0.0)) for path in paths])
        return cls(
            surface,
            keyed_generator(seed, 1),
            States.first(knot_NC),
            paths,
            np.zeros((len(paths), 1)),
            [[] for _ in paths],
        )

    @property
    def score_N(self) -> np.ndarray:
        """Observed scores."""
        return self.sentences_NS.mean(axis=1)

    @property
    def best(self) -> Path:
        """The path of the member with the best observed score."""
        return self.paths[int(np.argmax(self.score_N))]

    @property
    def best_walked(self) -> Path:
        """As far as it has been walked."""
        return self.best.until(self.states.interval / INTERVALS)

    def walk(self) -> None:
        """One interval along the paths, then an evaluation."""
        at = (self.states.interval + 1) / INTERVALS
        knot_NC = np.stack([coordinates(path.at(at)) for path in self.paths])
        self.states = self.surface.advance(self.states, knot_NC, self.generator)
        self.sentences_NS = self.surface.observe(self.states, self.generator)
        for scores_T, score in zip(self.scores_NT, self.score_N, strict=True):
            scores_T.append(float(score))

    def go_on(self, origins: Sequence[int], paths: list[Path]) -> None:
        """Each member goes on with the weights of one of them, on a path that is longer now."""
        self.states, self.paths = self.states.rows(list(origins)), paths
        self.scores_NT = [list(self.scores_NT[origin]) for origin in origins]


def random_paths(surface: Surface, seed: int, *, knots: int = 1) -> list[Path]:
    """Paths of so many evenly spaced knots that are drawn at random; one knot is a constant point."""
    generator = keyed_generator(seed, 0)
    paths = [_random_path(generator, knots) for _ in range(MEMBERS)]
    population = _Population.starting(surface, seed, paths)
    found = []
    for _ in range(INTERVALS):
        population.walk()
        found.append(population.best)
    return found


def _random_path(generator: np.random.Generator, knots: int) -> Path:
    points = [random_point(SEARCH, METRIC, generator) for _ in range(knots)]
    return Path(knots=tuple((place / max(1, knots - 1), point) for place, point in enumerate(points)))


def annealing(surface: Surface, seed: int, *, search: Search = SEARCH, look_ahead: float = 0.0) -> list[Path]:
    """Our own population, through its pure function of decisions.

    Args:
        surface: Where it walks.
        seed: Of all its draws.
        search: Its settings.
        look_ahead: Judge members by their score and so many times what they gained since they were judged last, which
            is the idea of FIRE-PBT (Dalibard and Jaderberg 2021) without its evaluators: who rises faster survives.
    """
    start = start_point(search, METRIC)
    firsts = [random_point(search, METRIC, keyed_generator(seed, 0, index)) for index in range(search.members)]
    untils = [min(INTERVALS, period_of(index, search)) for index in range(search.members)]
    paths = [
        Path(knots=((0.0, start), (until / INTERVALS, first))) for first, until in zip(firsts, untils, strict=True)
    ]
    population = _Population.starting(surface, seed, paths)
    found = []
    for generation in range(1, INTERVALS + 1):
        population.walk()
        found.append(population.best_walked)
        if generation < INTERVALS:
            untils = _decide(population, untils, search, seed, generation, look_ahead)
    return found


def _decide(
    population: _Population, untils: list[int], search: Search, seed: int, generation: int, look_ahead: float
) -> list[int]:
    """Judge the members that are due; returns after how many intervals each is due again."""
    standings = [
        MemberState(
            name=f"member-{index}",
            index=index,
            iteration=generation,
            score=float(population.score_N[index]) + look_ahead * _gained(population, index, search),
            path=population.paths[index],
            statistics=CorpusStatistics(kind="mean", values_ND=population.sentences_NS[index][:, None]),
        )
        for index, until in enumerate(untils)
        if until == generation
    ]
    place_of = {standing.name: standing.index for standing in standings}
    origins, paths, untils = list(range(len(untils))), list(population.paths), list(untils)
    decisions = decide(
        standings,
        search,
        METRIC,
        seed=seed,
        generation=generation,
        num_intervals=INTERVALS,
    )
    for decision in decisions:
        index = place_of[decision.member]
        origins[index] = place_of[decision.donor or decision.member]
        paths[index] = walked_to(decision.path, generation, decision.until, decision.next_knot)
        untils[index] = decision.until
    population.go_on(origins, paths)
    return untils


def _gained(population: _Population, index: int, search: Search) -> float:
    """What a member's weights gained since they were judged last; nothing before the first time."""
    scores_T = population.scores_NT[index]
    before = len(scores_T) - 1 - period_of(index, search)
    return scores_T[-1] - scores_T[before] if before >= 0 else 0.0


def walked_to(path: Path, now: int, until: int, knot: Point) -> Path:
    """The path with one more knot, to which it begins to walk now."""
    if path.knots[-1][0] < now / INTERVALS:
        path = path.then(now / INTERVALS, path.end)
    return path.then(until / INTERVALS, knot)


def asha(surface: Surface, seed: int, *, knots: int = 1) -> list[Path]:
    """Tune's AsyncHyperBandScheduler over random paths: eight at a time until as many intervals are spent as by others.

    Rungs as they are by default, at the first interval and four times that; the last one that a share of the budget
    sees of a path is its score.
    """
    generator, observations = keyed_generator(seed, 0), keyed_generator(seed, 1)
    scheduler = AsyncHyperBandScheduler(metric="score", mode="max", max_t=INTERVALS, grace_period=1)
    with seeded(seed):
        running: list[tuple[StandInTrial, Path, States]] = []
        best_score, found, num_trials = -np.inf, [], 0
        best = Path.constant(mixed())
        for _ in range(INTERVALS):
            while len(running) < MEMBERS:
                path, trial = _random_path(generator, knots), StandInTrial(f"trial-{num_trials:03d}", {})
                num_trials += 1
                scheduler.on_trial_add(None, trial)
                running.append((trial, path, States.first(coordinates(path.at(0.0))[None])))
            going_on = []
            for trial, path, before in running:
                knot_1C = coordinates(path.at((before.interval + 1) / INTERVALS))[None]
                after = surface.advance(before, knot_1C, observations)
                score = float(surface.observe(after, observations).mean())
                if score > best_score:
                    best_score, best = score, path
                result = {"training_iteration": after.interval, "score": score}
                if scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE:
                    going_on.append((trial, path, after))
            running = going_on
            found.append(best)
    return found


def pbt(surface: Surface, seed: int) -> list[Path]:
    """Tune's PopulationBasedTraining, synchronous; what its factors push out of the ranges is put back to an end."""
    mutations = {name: tune.uniform(*limits) for name, limits in RANGES.items() if name != "temperature"}
    mutations["temperature"] = tune.loguniform(*RANGES["temperature"])
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="score",
        mode="max",
        perturbation_interval=1,
        hyperparam_mutations=mutations,
        custom_explore_fn=_put_back,
        log_config=False,
        synch=True,
    )
    return _driven(surface, seed, scheduler, lambda config: mixed(**config))


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

    return _driven(surface, seed, scheduler, point)


def _put_back(config: dict[str, Any]) -> dict[str, Any]:
    return {name: float(np.clip(config[name], *limits)) for name, limits in RANGES.items()}


def _driven(
    surface: Surface, seed: int, scheduler: PopulationBasedTraining, point: Callable[[Mapping[str, float]], Point]
) -> list[Path]:
    """Let one of Tune's population schedulers choose, by the config that each of its trials goes on with."""
    trials = [StandInTrial(f"trial-{index}", {}) for index in range(MEMBERS)]
    controller = StandInController(trials)
    population = _Population.starting(surface, seed, [Path.constant(mixed())] * MEMBERS)
    found = []
    with seeded(seed):
        for trial in trials:
            scheduler.on_trial_add(controller, trial)
        for interval in range(1, INTERVALS + 1):
            population.paths = [
                path.then(interval / INTERVALS, point(trial.config))
                for path, trial in zip(population.paths, trials, strict=True)
            ]
            population.walk()
            found.append(population.best)
            for index, trial in enumerate(trials):
                metrics = {"training_iteration": interval, "score": float(population.score_N[index])}
                trial.save((index,), metrics)  # in a tuple, since the schedulers take 0 for no checkpoint
                scheduler.on_trial_result(controller, trial, metrics)
            origins = [trial.checkpoint[0] for trial in trials]
            population.go_on(origins, [population.paths[origin] for origin in origins])
    return found


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The process-wide generators begin at a seed, and are put back afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002 - see above
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    log = logging.getLogger("ray.tune")
    level = log.level
    log.setLevel(logging.WARNING)  # else a line or more a clone
    try:
        with warnings.catch_warnings():
            # PB2's kernel is told of bounds that it runs into, at nearly every fit
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002


def _parametric(surface: Surface, seed: int) -> list[Path]:
    return random_paths(surface, seed, knots=3)


def _asha_paths(surface: Surface, seed: int) -> list[Path]:
    return asha(surface, seed, knots=3)


def _variant(look_ahead: float = 0.0, **settings: Any) -> Method:
    """Our population with these settings of `Search`."""
    search = SEARCH.model_copy(update=settings)
    return lambda surface, seed: annealing(surface, seed, search=search, look_ahead=look_ahead)


VARIANTS: Final[Mapping[str, Method]] = {
    "ours": _variant(),
    "ours, evolving every interval and every fourth": _variant(evolve_every=(1, 4)),
    "ours, every interval, as plain PBT": _variant(evolve_every=(1,), selection="truncation"),
    "ours, moving instead of drawing anew": _variant(resample=0.25),
    "ours, truncation": _variant(selection="truncation"),
    "ours, by improvement": _variant(look_ahead=1.0, selection="truncation"),
}
"""Settings of our own search, by name."""

METHODS: Final[Mapping[str, Method]] = {
    "random points": random_paths,
    "random paths": _parametric,
    "ASHA, points": asha,
    "ASHA, paths": _asha_paths,
    "PBT": pbt,
    "PB2": pb2,
    **VARIANTS,
}
