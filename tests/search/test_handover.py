"""The end of a search: which path it hands over, and how sure it is."""

from dataclasses import replace

import pytest
from scipy.stats import norm

from erpo_explore.search.branching import Branching
from erpo_explore.search.handover import hand_over
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
    deviation = (gain.high - gain.low) / (2.0 * norm.ppf(0.975))
    assert gain.mean == pytest.approx((gain.low + gain.high) / 2.0)
    assert gain.p_value == pytest.approx(norm.cdf(-gain.mean / deviation), rel=1e-3)
    assert gain.is_sure == (gain.p_value < 0.05)


def test_seeds_are_counted_on_which_the_whole_path_was_trained():
    seen = runs({(0, (0, 0)): 20.0, (0, (1, 1)): 22.0, (1, (0, 0)): 20.0, (1, (1, 1)): 22.0, (2, (1, 0)): 20.5})
    found = hand_over(PHASES, seen, SETTINGS, seed=0)
    assert (found.path, found.seeds) == ((1, 1), 2)


def test_the_gain_over_the_best_point_is_beside_it():
    seen = runs({(seed, path): 20.0 + path[0] for seed in (0, 1) for path in ((0, 0), (0, 1), (1, 0), (1, 1))})
    found = hand_over(PHASES, seen, SETTINGS, seed=0)
    assert found.over_point.path == (1, 1)
    assert found.path[0] == 1
