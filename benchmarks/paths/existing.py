"""Searches that exist, played in a world: random search, points, ASHA, TPE, PBT, PB2, MF-PBT, our older population.

Each is a function of (world, budget, generator) to the path that it hands over: that of the best last objective it saw.
The real code decides where there is some: Ray Tune's ASHA and PBT through stand-in trials, Optuna's TPE sampler,
scikit-learn's process, `search.decisions`. Tune's PB2 takes no categories, so `pb2` follows PB2-Mix (Parker-Holder et
al. 2021): PBT's exploitation, and a time-varying process on one-hot letters that chooses by an upper bound.

All trainings of a search have one seed, which pairs them. Populations have as many members as the budget pays for.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import optuna
from ray.tune.schedulers import AsyncHyperBandScheduler, PopulationBasedTraining, TrialScheduler
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from benchmarks.paths.purse import Purse
from benchmarks.paths.worlds import World
from benchmarks.searches.tune_methods import seeded
from benchmarks.searches.tune_stand_ins import StandInController, StandInTrial
from erpo_explore.config.search import Search
from erpo_explore.search.decisions import decide
from erpo_explore.search.phases import Letters
from erpo_explore.search.proposals import candidate_points, start_point
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path, Point

__all__ = ["EXISTING", "Player"]

Player = Callable[[World, float, np.random.Generator], Letters]
"""World, budget in trainings of maximum likelihood, and generator, to the path that is handed over."""

_EXPLOITED: Final = 0.25


def random_paths(world: World, budget: float, generator: np.random.Generator) -> Letters:
    """Random paths, each trained to its end."""
    purse = Purse(world, budget)
    while purse.left > 0.0:
        purse.train(0, _random_path(world, generator))
    return _best_seen(purse)


def points(world: World, budget: float, generator: np.random.Generator) -> Letters:
    """Every constant path with one seed after the other; the best mean over as many seeds as all of them have."""
    del generator
    purse = Purse(world, budget)
    seed = 0
    while purse.left > 0.0 and (world.num_seeds is None or seed < world.num_seeds):
        for path in world.phases.constants:
            purse.train(seed, path)
        seed += 1
    means = {}
    for path in world.phases.constants:
        seen = [objective for (_, letters), objective in purse.seen.items() if letters == path]
        if seen:
            means[path] = float(np.mean(seen))
    return max(means, key=lambda path: means[path])


def asha(world: World, budget: float, generator: np.random.Generator, *, factor: int = 2) -> Letters:
    """Tune's asynchronous successive halving over random paths, four at a time, with rungs after 1, 2 and 4 phases."""
    purse = Purse(world, budget)
    num_phases = world.phases.num_phases
    scheduler = AsyncHyperBandScheduler(
        metric="score", mode="max", max_t=num_phases, grace_period=1, reduction_factor=factor
    )
    running: list[tuple[StandInTrial, Letters, int]] = []
    num_trials = 0
    with seeded(int(generator.integers(2**31))):
        while purse.left > 0.0:
            while len(running) < 4:
                trial = StandInTrial(f"trial-{num_trials:04d}", {})
                scheduler.on_trial_add(None, trial)
                running.append((trial, _random_path(world, generator), 0))
                num_trials += 1
            trial, path, done = running.pop(0)
            objective = purse.train(0, path[: done + 1], start=done)
            if objective is None:
                break
            result = {"training_iteration": done + 1, "score": objective}
            if scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE and done + 1 < num_phases:
                running.append((trial, path, done + 1))
    return _best_seen(purse)


def tpe(world: World, budget: float, generator: np.random.Generator) -> Letters:
    """Optuna's tree-structured Parzen estimators over the letters of whole paths."""
    purse = Purse(world, budget)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        seed=int(generator.integers(2**31)), n_startup_trials=min(10, round(budget / 2))
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    choices = list(range(len(world.letters)))
    while True:
        trial = study.ask()
        path = tuple(trial.suggest_categorical(f"phase{phase}", choices) for phase in range(world.phases.num_phases))
        objective = purse.train(0, path)
        if objective is None:
            return _best_seen(purse)
        study.tell(trial, objective)


def pbt(world: World, budget: float, generator: np.random.Generator) -> Letters:
    """Tune's PopulationBasedTraining, synchronous: after each phase, the worst quarter clones the best."""
    purse = Purse(world, budget)
    letters = list(range(len(world.letters)))
    members = _members(world, budget)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="score",
        mode="max",
        perturbation_interval=1,
        hyperparam_mutations={"letter": letters},
        log_config=False,
        synch=True,
    )
    trials = [
        StandInTrial(f"trial-{index:04d}", {"letter": int(generator.choice(letters))}) for index in range(members)
    ]
    controller = StandInController(trials)
    paths: list[Letters] = [()] * members
    with seeded(int(generator.integers(2**31))):
        for trial in trials:
            scheduler.on_trial_add(controller, trial)
        for phase in range(world.phases.num_phases):
            paths = [(*path, trial.config["letter"]) for path, trial in zip(paths, trials, strict=True)]
            objectives = [purse.train(0, path, start=phase) for path in paths]
            if None in objectives:
                break
            for path, trial, objective in zip(paths, trials, objectives, strict=True):
                metrics = {"training_iteration": phase + 1, "score": objective}
                trial.save(path, metrics)
                scheduler.on_trial_result(controller, trial, metrics)
            paths = [trial.checkpoint for trial in trials]
    return _best_seen(purse)


def pb2(world: World, budget: float, generator: np.random.Generator) -> Letters:
    """PBT whose clones take the letter with the highest upper bound of the next gain, see the module."""
    purse = Purse(world, budget)
    num_letters, members = len(world.letters), _members(world, budget)
    paths: list[Letters] = [()] * members
    letters = generator.integers(num_letters, size=members)
    before: list[float | None] = [None] * members
    inputs: list[list[float]] = []
    gains: list[float] = []
    for phase in range(world.phases.num_phases):
        paths = [(*path, int(letter)) for path, letter in zip(paths, letters, strict=True)]
        objectives = [purse.train(0, path, start=phase) for path in paths]
        if any(objective is None for objective in objectives):
            break
        now = [float(objective) for objective in objectives if objective is not None]
        for path, old, new in zip(paths, before, now, strict=True):
            if old is not None:
                inputs.append(_one_hot(path[-1], num_letters, phase, old))
                gains.append(new - old)
        order = np.argsort(now)
        num = max(1, int(members * _EXPLOITED))
        letters = np.array([path[-1] for path in paths])
        for loser in order[:num]:
            winner = int(generator.choice(order[-num:]))
            paths[loser], now[loser] = paths[winner], now[winner]
            letters[loser] = _upper_bound_letter(inputs, gains, num_letters, phase + 1, now[winner], generator)
        before = list(now)
    return _best_seen(purse)


def _one_hot(letter: int, num_letters: int, phase: int, objective: float) -> list[float]:
    return [*(2.0 * (letter == other) for other in range(num_letters)), float(phase), objective]


def _upper_bound_letter(
    inputs: list[list[float]],
    gains: list[float],
    num_letters: int,
    phase: int,
    objective: float,
    generator: np.random.Generator,
) -> int:
    if len(gains) < 3:
        return int(generator.integers(num_letters))
    seen = np.array(inputs)
    centre, spread = seen[:, -1].mean(), seen[:, -1].std() + 1e-9
    gain_centre, gain_spread = np.mean(gains), np.std(gains) + 1e-9
    kernel = ConstantKernel(1.0, "fixed") * RBF(1.5, "fixed") + WhiteKernel(0.1, "fixed")
    process = GaussianProcessRegressor(kernel, optimizer=None)
    seen[:, -1] = (seen[:, -1] - centre) / spread
    process.fit(seen, (np.array(gains) - gain_centre) / gain_spread)
    asked = np.array(
        [_one_hot(letter, num_letters, phase, (objective - centre) / spread) for letter in range(num_letters)]
    )
    mean, deviation = process.predict(asked, return_std=True)
    return int(np.argmax(mean + 1.5 * deviation))


_STAND_INS: Final = ("label_smoothing", "raml", "data_noising", "grpo", "rloo")
"""Named algorithms in the place of letters; the older population only compares and copies them."""


def population(
    world: World, budget: float, generator: np.random.Generator, *, evolve_every: tuple[int, ...] = (2, 4)
) -> Letters:
    """Our older population (`search.decisions`): a knot is a random candidate, and every judged member gets one."""
    purse = Purse(world, budget)
    num_phases, members = world.phases.num_phases, _members(world, budget)
    names = _STAND_INS[: len(world.letters) - 1]
    search = Search(
        members=members,
        evolve_every=evolve_every,
        selection="truncation",
        candidates={name: {} for name in names},
        p_candidate=len(names) / len(world.letters),
        ranges={},
        p_start=0.0,
    )
    seed = int(generator.integers(2**31))
    known: list[Point] = [start_point(search, "edit"), *candidate_points(search, "edit")]
    next_letter = {index: int(generator.integers(len(world.letters))) for index in range(members)}
    paths: dict[int, Letters] = dict.fromkeys(range(members), ())
    due = {index: min(num_phases, period_of(index, search)) for index in range(members)}
    for generation in range(1, num_phases + 1):
        objectives: dict[int, float] = {}
        for index in range(members):
            paths[index] = (*paths[index], next_letter[index])
            objective = purse.train(0, paths[index], start=generation - 1)
            if objective is None:
                return _best_seen(purse)
            objectives[index] = objective
        if generation == num_phases:
            break
        states = [
            MemberState(
                name=str(index),
                index=index,
                iteration=generation,
                objective=objectives[index],
                path=Path.constant(known[paths[index][-1]]),
            )
            for index in range(members)
            if due[index] == generation
        ]
        decisions = decide(states, search, "edit", seed=seed, generation=generation, num_intervals=num_phases)
        before = dict(paths)
        for decision in decisions:
            index = int(decision.member)
            paths[index] = before[int(decision.donor or decision.member)]
            next_letter[index], due[index] = known.index(decision.next_knot), decision.until
    return _best_seen(purse)


def _random_path(world: World, generator: np.random.Generator) -> Letters:
    return tuple(generator.integers(len(world.letters), size=world.phases.num_phases).tolist())


def _members(world: World, budget: float) -> int:
    """Members that the budget pays for, if their letters are random."""
    return max(2, int(budget / (float(np.mean(world.phases.costs)) * world.phases.num_phases)))


def _best_seen(purse: Purse) -> Letters:
    """The whole path with the best objective; maximum likelihood where none was finished."""
    num_phases = purse.world.phases.num_phases
    whole = {letters: objective for (_, letters), objective in purse.seen.items() if len(letters) == num_phases}
    return max(whole, key=lambda letters: whole[letters]) if whole else purse.world.phases.reference_path


EXISTING: Final[Mapping[str, Player]] = {
    "random paths": random_paths,
    "points": points,
    "ASHA": asha,
    "TPE": tpe,
    "PBT": pbt,
    "PB2": pb2,
    "MF-PBT": partial(population, evolve_every=(1, 2)),
    "older population": population,
}
"""The searches by name."""
