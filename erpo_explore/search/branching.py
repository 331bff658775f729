"""Branch, model, race: which path is trained next, on which seed, and from which checkpoint on.

A search keeps a tree of checkpoints per seed. A *branch* continues one of them along a path to the end of the budget,
so it costs only what lies behind the checkpoint. All branches of a seed share its batches, draws and sentences.

Each branch is chosen for what it tells apart. With L the path of the highest expected objective, the *leader*, and C
paths that are best in joint draws from the model (Thompson 1933), the *challengers*, a branch b of cost c_b has the
value

    v(b) = max_C  cov( f(L) − f(C), y_b )² / ( var y_b · c_b ),

the variance of the difference of leader and challenger that its last score y_b removes, per time. So a branch may train
the challenger or the leader, on a seed that has a near checkpoint, or on a new seed. Replications of what leads are no
phase of their own: they come when they tell more than another path would. Two more consequences:

- A late branch is cheap, and its luck is mostly that of the checkpoint, which leader and challenger may share.
- An algorithm that takes four times as long is tried where it may lead, and not otherwise.

The first trainings are the reference on as many seeds as `first_seeds`. A new seed begins with whatever is best to know
there. The functions are pure: the same checkpoints, seed and number give the same branches.

Left out: the effect of branches that still run on the value of the next one. They are excluded, not expected.

Legend: C challengers, B branches.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from erpo_explore.search.path_kernel import Scales
from erpo_explore.search.path_model import PathModel
from erpo_explore.search.phases import Checkpoint, Letters, Phases
from erpo_explore.search.streams import keyed_generator

__all__ = ["Branch", "Branching", "considered_paths", "fitted_model", "propose"]

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
        first_seeds: Seeds on which the reference is trained first.
        max_seeds: Most seeds that are trained at all.
        challengers: Draws per branch, of which each gives a challenger.
        considered: Paths that the model is asked about for a branch.
        prior: Centre of the prior of the model's scales.
    """

    first_seeds: int = 1
    max_seeds: int = 8
    challengers: int = 6
    considered: int = 400
    prior: Scales = field(default_factory=Scales)


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
    taken = {
        (branch.seed, branch.path[:length])
        for branch in running
        for length in range(branch.start + 1, len(branch.path) + 1)
    }
    branches: list[Branch] = []

    def take(branch: Branch) -> None:
        branches.append(branch)
        taken.update((branch.seed, branch.path[:length]) for length in range(branch.start + 1, len(branch.path) + 1))

    for first in range(settings.first_seeds):
        branch = _branch(phases, trained, taken, first, phases.reference_path, reason="the reference comes first")
        if branch is not None and len(branches) < num and branch.cost <= left + _ROUNDING:
            take(branch)
            left -= branch.cost
    if len(branches) == num or not any(one.letters == phases.reference_path for one in checkpoints):
        return branches
    model = fitted_model(phases, tuple(checkpoints), settings.prior)
    generator = keyed_generator(seed, number)
    paths = considered_paths(phases, checkpoints, settings.considered, generator)
    beliefs = model.beliefs(paths)
    leader = int(np.argmax(beliefs.mean_P))
    seeds = range(min(settings.max_seeds, 1 + max(one.seed for one in checkpoints) + 1))
    while len(branches) < num:
        best_P = beliefs.draw(generator, settings.challengers).argsort(axis=1)[:, ::-1]
        challengers = {int(row[0]) if row[0] != leader else int(row[1]) for row in best_P}
        options = []
        for path in sorted({leader, *challengers}):
            for own_seed in seeds:
                branch = _branch(phases, trained, taken, own_seed, paths[path], reason="")
                if branch is not None and branch.cost <= left + _ROUNDING:
                    options.append((path, branch))
        if not options:
            break
        chosen = _most_telling(model, paths, leader, sorted(challengers), options)
        take(chosen)
        left -= chosen.cost
    return branches


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


def fitted_model(phases: Phases, checkpoints: tuple[Checkpoint, ...], prior: Scales) -> PathModel:
    """The model of all checkpoints, with scales of the first of them.

    Scales change slowly, so they are fitted after 1, 1.5, 1.5², … checkpoints. Which they are fitted to depends on the
    number of checkpoints alone, so that a resumed search has the same scales.
    """
    fitted = 1
    while int(fitted * _REFIT) + 1 <= len(checkpoints):
        fitted = int(fitted * _REFIT) + 1
    first = checkpoints[:fitted]
    if not any(one.letters == phases.reference_path for one in first):
        return PathModel.fit(phases, checkpoints, prior=prior, scales=prior)
    return PathModel.fit(phases, checkpoints, prior=prior, scales=_scales(phases, first, prior))


@lru_cache(maxsize=8)
def _scales(phases: Phases, checkpoints: tuple[Checkpoint, ...], prior: Scales) -> Scales:
    return PathModel.fit(phases, checkpoints, prior=prior).scales


def _branch(
    phases: Phases,
    trained: Collection[tuple[int, Letters]],
    taken: Collection[tuple[int, Letters]],
    seed: int,
    path: Letters,
    *,
    reason: str,
) -> Branch | None:
    """The branch of a path on a seed, from its last checkpoint there; None where it is trained or being trained."""
    start = 0
    while start < phases.num_phases and (seed, path[: start + 1]) in trained:
        start += 1
    if start == phases.num_phases or (seed, path[: start + 1]) in taken:
        return None
    return Branch(seed=seed, path=path, start=start, cost=phases.cost(path, start=start), reason=reason)


def _most_telling(
    model: PathModel,
    paths: Sequence[Letters],
    leader: int,
    challengers: Sequence[int],
    options: Sequence[tuple[int, Branch]],
) -> Branch:
    """The branch of the highest value, see the module.

    Args:
        model: The fitted model.
        paths: The considered paths.
        leader: Number of the leader among them.
        challengers: Numbers of the challengers.
        options: Branches, each with the number of its path.
    """
    asked = [paths[leader], *(paths[path] for path in challengers), *(branch.path for _, branch in options)]
    seeds = [-1] * (1 + len(challengers)) + [branch.seed for _, branch in options]
    covariance = model.joint_covariance(asked, seeds)
    first = 1 + len(challengers)
    own_B = covariance.diagonal()[first:]
    cost_B = np.array([branch.cost for _, branch in options])
    told_CB = (covariance[:1, first:] - covariance[1:first, first:]) ** 2 / own_B / cost_B
    path, branch = options[int(told_CB.max(axis=0).argmax())]
    role = "the leader again" if path == leader else "a challenger"
    return Branch(
        seed=branch.seed,
        path=branch.path,
        start=branch.start,
        cost=branch.cost,
        reason=f"{role}, {'from the start' if branch.start == 0 else f'after phase {branch.start}'}",
    )
