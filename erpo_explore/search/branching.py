"""Branch, model, race: which path is trained next, on which seed, and from which checkpoint on.

A search keeps a tree of checkpoints per seed. A *branch* continues one of them along a path to the end of the budget,
so it costs only what lies behind the checkpoint. All branches of a seed share its batches, draws and sentences.

Each branch is chosen for what it tells apart. With L the path of the highest expected objective, the *leader*, and C
paths that are best in joint draws from the model (Thompson 1933), the *challengers*, a branch b of cost c_b has the
value

    v(b) = max_C  cov( f(L) − f(C), y_b )² / ( var y_b · c_b ),

the variance of the difference of leader and challenger that its last score y_b removes, per time. So a branch may train
the challenger or the leader, on any seed that has a near checkpoint. Replications of what leads are no phase of their
own: they come when they tell more than another path would. Two more consequences:

- A late branch is cheap, and its luck is mostly that of the checkpoint, which leader and challenger may share.
- An algorithm that takes four times as long is tried where it may lead, and not otherwise.

What the branches of one seed cannot tell is the luck of their common checkpoints: there it looks like an effect. So the
reference is trained on a further seed whenever the seeds have had `trainings_per_seed` each. It is what the branches of
the seed are paired with.

The functions are pure: the same checkpoints, seed and number give the same branches.

Left out: the effect of branches that still run on the value of the next one. They are excluded, not expected.

Legend: C challengers, B branches, P paths.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from erpo_explore.search.path_kernel import Scales
from erpo_explore.search.path_model import PathModel
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.search.phases import Checkpoint, Letters, Phases
from erpo_explore.search.streams import keyed_generator

__all__ = ["Branch", "Branching", "considered_paths", "fitted_model", "open_checkpoints", "propose"]

_ROUNDING: Final = 1e-9
_REFIT: Final = 1.5
"""Factor of the number of checkpoints after which the scales are fitted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A training that is proposed.

    Attributes:
        seed: Seed of weights, batches and draws.
        path: The whole path.
        start: Phases that are trained already; 0 begins at the seed's initial weights.
        cost: Time of the other phases, in whole trainings of the reference.
        reason: Why it was chosen, in words.
    """

    seed: int
    path: Letters
    start: int
    cost: float
    reason: str

    @property
    def checkpoint(self) -> Letters:
        """Prefix whose weights it begins with."""
        return self.path[: self.start]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branching:
    """Settings of a search.

    Attributes:
        trainings_per_seed: Time after which a further seed is begun, in whole trainings of the reference.
        max_seeds: Most seeds that are trained at all.
        challengers: Draws per branch, of which each gives a challenger.
        considered: Paths that the model is asked about for a branch.
        caution: c of `handover`, standard deviations that an uncertain gain is marked down by.
        prior: Prior of the model, such as what other tasks' tables have shown.
    """

    trainings_per_seed: float = 8.0
    max_seeds: int = 16
    challengers: int = 12
    considered: int = 400
    caution: float = 0.5
    prior: PathPrior = field(default_factory=PathPrior)


def propose(
    phases: Phases,
    checkpoints: Sequence[Checkpoint],
    settings: Branching,
    *,
    left: float,
    seed: int,
    number: int,
    num: int = 1,
    running: Collection[Branch] = (),
) -> list[Branch]:
    """The next branches; fewer than `num` where the budget or the paths are used up.

    Args:
        phases: The space of paths.
        checkpoints: Everything that was scored, in its order.
        settings: Settings of the search.
        left: Time that is left, in whole trainings of the reference, without that of running branches.
        seed: Random seed of the search.
        number: Branches that were proposed before; with the seed it names the draws.
        num: Number of branches, for workers that are free at once.
        running: Branches without their last score.
    """
    trained = {(one.seed, one.letters) for one in checkpoints}
    taken = {prefix for branch in running for prefix in _prefixes(branch)}
    branches: list[Branch] = []
    spent = sum(phases.costs[letters[-1]] for _, letters in trained | taken)
    while len(branches) < num:
        seeds = sorted({own_seed for own_seed, _ in trained | taken})
        if len(seeds) < settings.max_seeds and spent + _ROUNDING >= settings.trainings_per_seed * len(seeds):
            reason = "the reference comes first" if not seeds else "the reference, on a further seed"
            chosen = _branch(phases, trained, taken, len(seeds), phases.reference_path, left, reason=reason)
        elif not any(one.letters == phases.reference_path for one in checkpoints):
            break
        else:
            chosen = _most_telling(
                phases, checkpoints, settings, trained, taken, seeds, left, (seed, number + len(branches))
            )
        if chosen is None:
            break
        branches.append(chosen)
        taken.update(_prefixes(chosen))
        left, spent = left - chosen.cost, spent + chosen.cost
    return branches


def open_checkpoints(phases: Phases, checkpoints: Sequence[Checkpoint], *, left: float) -> set[tuple[int, Letters]]:
    """Seed and letters of each checkpoint that a branch may still begin with.

    A branch begins with the last checkpoint of its path on a seed. So none begins with a checkpoint any more once every
    algorithm was trained behind it, or all that could come behind it costs more than is left.

    Args:
        phases: The space of paths.
        checkpoints: Everything that was scored.
        left: Time that is left, in whole trainings of the reference.
    """
    trained = {(one.seed, one.letters) for one in checkpoints}
    cheapest = min(phases.costs)
    return {
        (seed, letters)
        for seed, letters in trained
        if any(
            (seed, (*letters, letter)) not in trained
            and math.fsum([cost, *[cheapest] * (phases.num_phases - len(letters) - 1)]) <= left + _ROUNDING
            for letter, cost in enumerate(phases.costs)
        )
        and len(letters) < phases.num_phases
    }


def considered_paths(
    phases: Phases, checkpoints: Sequence[Checkpoint], most: int, generator: np.random.Generator
) -> list[Letters]:
    """Paths that the model is asked about: all, or else the constant ones, those that were trained, and random ones."""
    num_algorithms, num_phases = phases.num_algorithms, phases.num_phases
    if num_algorithms**num_phases <= most:
        return list(product(range(num_algorithms), repeat=num_phases))
    whole = (one.letters for one in checkpoints if len(one.letters) == num_phases)
    paths = dict.fromkeys([phases.reference_path, *phases.constants, *whole])
    rows = generator.integers(num_algorithms, size=(max(0, most - len(paths)), num_phases))
    return list(dict.fromkeys([*paths, *map(tuple, rows.tolist())]))


@lru_cache(maxsize=2)
def fitted_model(phases: Phases, checkpoints: tuple[Checkpoint, ...], prior: PathPrior) -> PathModel:
    """The model of all checkpoints, with scales of the first of them.

    Scales change slowly, so they are fitted after 1, 1.5, 1.5², … checkpoints. Which they are fitted to depends on the
    number of checkpoints alone, so that a resumed search has the same scales.
    """
    fitted = 1
    while int(fitted * _REFIT) + 1 <= len(checkpoints):
        fitted = int(fitted * _REFIT) + 1
    first = checkpoints[:fitted]
    if not any(one.letters == phases.reference_path for one in first):
        return PathModel.fit(phases, checkpoints, prior=prior, scales=prior.scales)
    return PathModel.fit(phases, checkpoints, prior=prior, scales=_scales(phases, first, prior))


@lru_cache(maxsize=8)
def _scales(phases: Phases, checkpoints: tuple[Checkpoint, ...], prior: PathPrior) -> Scales:
    return PathModel.fit(phases, checkpoints, prior=prior).scales


def _branch(
    phases: Phases,
    trained: Collection[tuple[int, Letters]],
    taken: Collection[tuple[int, Letters]],
    seed: int,
    path: Letters,
    left: float,
    *,
    reason: str,
) -> Branch | None:
    """The branch of a path on a seed, from its last checkpoint there.

    None where it is trained, is being trained, or costs more than is left.
    """
    start = 0
    while start < phases.num_phases and (seed, path[: start + 1]) in trained:
        start += 1
    cost = phases.cost(path, start=start)
    if start == phases.num_phases or (seed, path[: start + 1]) in taken or cost > left + _ROUNDING:
        return None
    return Branch(seed=seed, path=path, start=start, cost=cost, reason=reason)


def _prefixes(branch: Branch) -> set[tuple[int, Letters]]:
    """Seed and prefix of each checkpoint that a branch will leave."""
    return {(branch.seed, branch.path[:length]) for length in range(branch.start + 1, len(branch.path) + 1)}


def _most_telling(
    phases: Phases,
    checkpoints: Sequence[Checkpoint],
    settings: Branching,
    trained: Collection[tuple[int, Letters]],
    taken: Collection[tuple[int, Letters]],
    seeds: Sequence[int],
    left: float,
    key: tuple[int, int],
) -> Branch | None:
    """The branch of the highest value, see the module; None where none can be paid.

    Args:
        phases: The space of paths.
        checkpoints: Everything that was scored.
        settings: Settings of the search.
        trained: Seed and prefix of each checkpoint.
        taken: Those of checkpoints that are being trained.
        seeds: Seeds with a checkpoint.
        left: Time that is left.
        key: Names the draws.
    """
    model = fitted_model(phases, tuple(checkpoints), settings.prior)
    generator = keyed_generator(*key)
    paths = considered_paths(phases, checkpoints, settings.considered, generator)
    beliefs = model.beliefs(paths)
    leader = int(np.argmax(beliefs.mean_P))
    best_CP = beliefs.draw(generator, settings.challengers).argsort(axis=1)[:, ::-1]
    challengers = sorted({int(row[0]) if row[0] != leader else int(row[1]) for row in best_CP})
    ranked = [paths[leader], *(paths[number] for number in challengers)]
    options = [
        branch
        for path in ranked
        for seed in seeds
        if (branch := _branch(phases, trained, taken, seed, path, left, reason="")) is not None
    ]
    if not options:
        return None
    asked = [*ranked, *(branch.path for branch in options)]
    covariance = model.joint_covariance(asked, [-1] * len(ranked) + [branch.seed for branch in options])
    first = len(ranked)
    cost_B = np.array([branch.cost for branch in options])
    told_CB = covariance[:1, first:] - covariance[1:first, first:]
    value_CB = told_CB**2 / covariance.diagonal()[first:] / cost_B
    best = options[int(value_CB.max(axis=0).argmax())]
    role = "the leader again" if best.path == paths[leader] else "a challenger"
    return replace(best, reason=f"{role}, {'from the start' if best.start == 0 else f'after phase {best.start}'}")
