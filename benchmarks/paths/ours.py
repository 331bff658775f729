"""Our search (`search.branching`), played in a world with a few workers."""

from dataclasses import replace

import numpy as np

from benchmarks.paths.purse import Purse
from benchmarks.paths.worlds import World
from erpo_explore.search.branching import Branching, propose
from erpo_explore.search.handover import Handover, hand_over

__all__ = ["branching"]


def branching(
    world: World,
    budget: float,
    generator: np.random.Generator,
    *,
    settings: Branching = Branching(),  # noqa: B008 - a frozen value
    workers: int = 2,
) -> Handover:
    """Search until the budget is spent.

    Args:
        world: What trainings report.
        budget: Time, in whole trainings of maximum likelihood.
        generator: Its first draw is the seed of the search.
        settings: Settings of the search.
        workers: Branches that are proposed at once.
    """
    purse = Purse(world, budget)
    seed, number = int(generator.integers(2**31)), 0
    if world.num_seeds is not None:
        settings = replace(settings, max_seeds=min(settings.max_seeds, world.num_seeds))
    while branches := propose(
        world.phases, purse.checkpoints, settings, left=purse.left, seed=seed, number=number, num=workers
    ):
        for branch in branches:
            purse.train(branch.seed, branch.path, start=branch.start)
        number += len(branches)
    return hand_over(world.phases, purse.checkpoints, settings, seed=seed)
