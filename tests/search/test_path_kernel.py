"""The covariance of paths against its equation, term by term, and against features whose products it must be."""

import itertools

import numpy as np
import pytest

from erpo_explore.search.path_kernel import PathKernel, Rows, Scales
from erpo_explore.search.phases import letters_array

SIMILARITY = np.array([[1.0, 0.3, 0.0], [0.3, 1.0, 0.5], [0.0, 0.5, 1.0]])
SCALES = Scales(effect=0.7, luck=0.3, seed=0.5, recall=0.6, growth=1.4, fade=1.2)
NUM_PHASES = 3
PREFIXES = [p for length in (1, 2, 3) for p in itertools.product(range(3), repeat=length)]


def rows_of(checkpoints):
    letters = letters_array([letters for _, letters in checkpoints], NUM_PHASES)
    return Rows(letters_NQ=letters, seed_N=np.array([seed for seed, _ in checkpoints]))


def by_the_equation(one, other, s=SIMILARITY, k=SCALES):
    """The covariance of two checkpoints, written as the module's docstring has it."""
    (u, x), (v, z) = one, other
    t, r = len(x), len(z)
    shorter = min(t, r)
    place = sum(s[x[i], z[i]] for i in range(shorter))
    pair = sum(s[x[i], z[i]] * s[x[i + 1], z[i + 1]] for i in range(shorter - 1))
    share = sum(s[a, b] for a in x for b in z) / (t * r)
    shared = next((i for i in range(shorter) if x[i] != z[i]), shorter)
    effect = place + 0.5**2 * pair + share + 0.33**2 * shared
    own = float(u == v and u >= 0)
    slow = k.effect**2 * effect + own * k.seed**2
    before = 2 * NUM_PHASES - t - r
    return k.growth**before * k.recall ** abs(t - r) * slow + k.fade**before * own * k.luck**2 * shared


def test_the_covariance_is_that_of_the_equation():
    checkpoints = [(index % 4 - 1, letters) for index, letters in enumerate(PREFIXES)]
    kernel = PathKernel.between(rows_of(checkpoints), rows_of(checkpoints[:7]), SIMILARITY)
    expected = [[by_the_equation(one, other) for other in checkpoints[:7]] for one in checkpoints]
    np.testing.assert_allclose(kernel.covariance(SCALES), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("recall", [0.2, 1.0])
def test_the_covariance_of_all_checkpoints_is_positive_semi_definite(recall):
    checkpoints = [(seed, letters) for seed in (0, 1) for letters in PREFIXES]
    rows = rows_of(checkpoints)
    scales = Scales(effect=0.7, luck=0.3, seed=0.5, recall=recall, growth=1.4)
    covariance = PathKernel.between(rows, rows, SIMILARITY).covariance(scales)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_only_checkpoints_of_one_seed_share_luck():
    ahead, behind = rows_of([(0, (0, 1))]), rows_of([(0, (0, 1)), (1, (0, 1)), (-1, (0, 1)), (0, (0, 2))])
    kernel = PathKernel.between(ahead, behind, np.eye(3))
    assert kernel.luck_NM.tolist() == [[2.0, 0.0, 0.0, 1.0]]
    assert kernel.seed_NM.tolist() == [[1.0, 0.0, 0.0, 1.0]]
