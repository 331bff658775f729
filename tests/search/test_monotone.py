import itertools

import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import minimize

from erpo_explore.config.search import Search
from erpo_explore.search.monotone import raise_exploration
from erpo_explore.search.proposals import first_knot, perturb, start_point
from erpo_explore.search.region import Region
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point, Reward

from .strategies import TRUTH, searches, seeds

ANY = {"noise": (0.0, 1.0), "task": (0.0, 1.0), "model": (0.0, 1.0), "rho": (0.0, 1.0)}


def exploration(point):
    return 1.0 - point.reward.truth, point.rho


@given(searches(monotone=True), seeds)
def test_exploration_does_not_decrease_along_a_path(search, seed):
    path = Path.constant(start_point(search, "bleu")).then(0.2, first_knot(search, "bleu", keyed_generator(seed)))
    for generation in range(2, 6):
        path = path.then(0.2 * generation, perturb(path.end, search, "bleu", keyed_generator(seed, generation)))
    along = [exploration(path.at(progress)) for progress in np.linspace(0.0, 1.0, 31)]
    # the first knot cannot explore as much as a start outside of the ranges
    region, start = Region.from_search(search, "bleu"), path.at(0.0)
    inside = exploration(region.point(*region.to_unit(start))) == pytest.approx(exploration(start), abs=1e-6)
    for before, after in itertools.pairwise(along if inside else along[7:]):
        assert after[0] >= before[0] - 1e-9
        assert after[1] >= before[1] - 1e-9


def test_exploration_may_decrease_without_monotone():
    search = Search(ranges=ANY)
    end = Point(reward=Reward(truth=0.5, noise=0.1, task=0.2, model=0.2), alpha=0.5, beta=0.5)
    perturbed = [exploration(perturb(end, search, "bleu", keyed_generator(seed))) for seed in range(40)]
    assert min(weight for weight, _ in perturbed) < 0.5 - 1e-6
    assert min(rho for _, rho in perturbed) < 0.5 - 1e-6


@given(searches(), seeds)
def test_vector_that_explores_enough_is_unchanged(search, seed):
    region = Region.from_search(search, "bleu")
    unit = keyed_generator(seed).random(len(region.ranges))
    assert region.coordinates(raise_exploration(region, unit, TRUTH)) == pytest.approx(region.coordinates(unit))


@pytest.mark.parametrize("seed", range(8))
def test_weights_become_the_nearest_that_explore_enough(seed):
    """Oracle: a general solver of least squares under bounds and Σ w ≥ 1 − λ_truth."""
    highs = np.array([0.2, 0.5, 0.4])
    search = Search(ranges=dict(zip(("noise", "task", "model"), ((0.0, high) for high in highs), strict=True)))
    region, generator = Region.from_search(search, "bleu"), keyed_generator(seed)
    proposed, required = generator.random(3) * highs * 0.5, 0.9
    end = Point(reward=Reward(truth=1.0 - required, task=0.5, model=0.4))
    found = raise_exploration(region, proposed / highs, end) * highs
    solved = minimize(
        lambda weights: 0.5 * ((weights - proposed) ** 2).sum(),
        highs * 0.9,
        jac=lambda weights: weights - proposed,
        bounds=[(0.0, high) for high in highs],
        constraints={"type": "ineq", "fun": lambda weights: weights.sum() - required},
        method="SLSQP",
    )
    assert found == pytest.approx(solved.x, abs=1e-5)


def test_vector_gets_the_upper_bounds_where_the_ranges_end_earlier():
    region = Region.from_search(Search(ranges={"task": (0.0, 0.4), "rho": (0.0, 0.5)}), "bleu")
    end = Point(reward=Reward(task=1.0), alpha=1.0, beta=0.0)
    assert raise_exploration(region, np.array([0.1, 0.1]), end).tolist() == [1.0, 1.0]
