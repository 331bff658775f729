"""The end of a search: which path it hands over, and how sure it is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from erpo_explore.search.branching import Branching
from erpo_explore.search.handover import hand_over, sceptical_gain
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.search.phases import Checkpoint, Phases

PHASES = Phases(num_phases=2, costs=(0.5, 0.5, 0.5))
SETTINGS = Branching()


def runs(objectives):
    """Checkpoints of whole runs, by seed and path; half of the end after the first phase."""
    return [
        Checkpoint(seed=seed, letters=path[:length], objective=end * length / 2.0)
        for (seed, path), end in objectives.items()
        for length in (1, 2)
    ]


SEEN = runs({(0, (0, 0)): 20.0, (0, (1, 1)): 19.4, (1, (0, 0)): 20.0, (1, (1, 1)): 19.5})


HOPEFUL = replace(SETTINGS, prior=PathPrior(gains=((0.0, 0.0, 0.2), (0.0, 0.0, 0.2))))
"""A prior by which the untried algorithm 2 gains a little."""


@pytest.mark.parametrize(("caution", "path"), [(0.0, (2, 2)), (0.5, (0, 0))])
def test_caution_keeps_an_untried_algorithm_from_being_handed_over(caution, path):
    assert hand_over(PHASES, SEEN, replace(HOPEFUL, caution=caution), seed=0).path == path


def test_the_reference_claims_no_gain_over_itself():
    gain = hand_over(PHASES, SEEN, SETTINGS, seed=0).over_reference
    assert (gain.mean, gain.p_value, gain.is_sure) == (0.0, 1.0, False)


def test_the_p_value_belongs_to_the_interval():
    seen = runs({(seed, path): 20.0 + 0.6 * path.count(1) for seed in (0, 1) for path in ((0, 0), (0, 1), (1, 1))})
    gain = hand_over(PHASES, seen, SETTINGS, seed=0).over_reference
    deviation = (gain.mean - gain.low) / norm.ppf(0.975)
    assert gain.low < gain.mean < gain.high
    assert gain.p_value == pytest.approx(norm.cdf(-gain.mean / deviation), rel=1e-3)
    assert gain.is_sure == (gain.p_value < 0.05)


def test_the_sceptic_multiplies_two_gaussians():
    grid = np.linspace(-6.0, 6.0, 100_001)
    density = norm.pdf(grid, 0.8, 0.5) * norm.pdf(grid, 0.0, 0.4)
    density /= density.sum()
    gain = sceptical_gain((0, 0), 0.8, 0.5, 0.4)
    assert gain.mean == pytest.approx(float(density @ grid), abs=1e-6)
    assert gain.p_value == pytest.approx(float(density[grid <= 0.0].sum()), abs=1e-4)
    assert gain.low == pytest.approx(float(grid[density.cumsum().searchsorted(0.025)]), abs=1e-3)
    assert gain.high == pytest.approx(norm.ppf(0.975, 0.8, 0.5), abs=1e-6)


def test_the_interval_of_the_best_of_many_holds_the_truth_that_the_model_misses():
    """The model believes any gain, and the best of 20 estimates is handed over."""
    generator, scale, noise = np.random.default_rng(7), 0.4, 0.4
    true_SP = scale * generator.standard_normal((1000, 20))
    seen_SP = true_SP + noise * generator.standard_normal(true_SP.shape)
    best_S = seen_SP.argmax(axis=1)
    true_S, seen_S = (each[np.arange(1000), best_S] for each in (true_SP, seen_SP))
    gains = [sceptical_gain((0, 0), float(seen), noise, scale) for seen in seen_S]
    held = [gain.low <= true <= gain.high for gain, true in zip(gains, true_S, strict=True)]
    sure = [true for gain, true in zip(gains, true_S, strict=True) if gain.is_sure]
    assert np.mean(held) >= 0.95
    assert np.mean(np.abs(seen_S - true_S) <= norm.ppf(0.975) * noise) < 0.85
    assert np.mean(np.array(sure) > 0.0) >= 0.95
    assert len(sure) > 100


def test_seeds_are_counted_on_which_the_whole_path_was_trained():
    seen = runs({(0, (0, 0)): 20.0, (0, (1, 1)): 22.0, (1, (0, 0)): 20.0, (1, (1, 1)): 22.0, (2, (1, 0)): 20.5})
    found = hand_over(PHASES, seen, SETTINGS, seed=0)
    assert (found.path, found.seeds) == ((1, 1), 2)


def test_the_gain_over_the_best_point_is_beside_it():
    seen = runs({(seed, path): 20.0 + path[0] for seed in (0, 1) for path in ((0, 0), (0, 1), (1, 0), (1, 1))})
    found = hand_over(PHASES, seen, SETTINGS, seed=0)
    assert found.over_point.path == (1, 1)
    assert found.path[0] == 1
