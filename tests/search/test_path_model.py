"""The process over paths against the conditional of a joint Gaussian, and on truths that it must find."""

import itertools

import numpy as np
import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.search.path_kernel import EVALUATION, PathKernel, Rows, Scales
from erpo_explore.search.path_model import PathModel
from erpo_explore.search.path_prior import PathPrior, place_gains
from erpo_explore.search.phases import Checkpoint, Phases, letters_array

PHASES = Phases(num_phases=3, costs=(1 / 3, 1 / 3, 2 / 3))
PATHS = list(itertools.product(range(3), repeat=3))
GAINS = np.array([[0.0, 0.6, -0.3], [0.0, -0.4, 0.1], [0.0, 0.2, 0.5]])
"""Gain of each algorithm at each place."""


def truth(letters):
    return 20.0 + 5.0 * len(letters) + sum(GAINS[place, letter] for place, letter in enumerate(letters))


def checkpoints_of(paths, *, seeds=1, luck=0.0, level=0.0):
    generator = np.random.default_rng(0)
    drawn = {}
    for seed, path in itertools.product(range(seeds), paths):
        for length in (1, 2, 3):
            prefix = path[:length]
            if (seed, prefix) not in drawn:
                before = drawn.get((seed, prefix[:-1]), (0.0, level * generator.standard_normal()))
                drawn[seed, prefix] = before[0] + luck * generator.standard_normal(), before[1]
    return [
        Checkpoint(seed=seed, letters=prefix, objective=truth(prefix) + sum(noise))
        for (seed, prefix), noise in drawn.items()
    ]


def test_beliefs_are_the_conditional_of_the_joint_gaussian():
    seen = checkpoints_of([(0, 0, 0), (1, 0, 2), (1, 1, 0)], seeds=2, luck=0.2)
    scales = Scales(effect=0.5, luck=0.2, seed=0.4, recall=0.7, growth=1.2)
    beliefs = PathModel.fit(PHASES, seen, scales=scales).beliefs(PATHS)

    letters = letters_array([*(one.letters for one in seen), *PATHS], 3)
    rows = Rows(letters_NQ=letters, seed_N=np.array([*(one.seed for one in seen), *[-1] * len(PATHS)]))
    joint = PathKernel.between(rows, rows, np.eye(3)).covariance(scales)
    num = len(seen)
    joint[:num, :num] += EVALUATION**2 * np.eye(num)
    level = {length: np.mean([one.objective for one in seen if one.letters == (0,) * length]) for length in (1, 2, 3)}
    residual = np.array([one.objective - level[len(one.letters)] for one in seen])
    gain = joint[num:, :num] @ np.linalg.inv(joint[:num, :num])
    np.testing.assert_allclose(beliefs.mean_P, level[3] + gain @ residual, rtol=1e-6)
    np.testing.assert_allclose(beliefs.covariance_PP, joint[num:, num:] - gain @ joint[:num, num:], atol=1e-6)


def test_the_best_path_is_found_though_it_was_never_trained():
    seen = checkpoints_of([path for path in PATHS if path != (1, 2, 2)], seeds=2, luck=0.05)
    beliefs = PathModel.fit(PHASES, seen).beliefs(PATHS)
    assert PATHS[int(np.argmax(beliefs.mean_P))] == (1, 2, 2)


def test_luck_that_a_prefix_shares_is_not_taken_for_an_effect():
    """One lucky first phase, which nine paths inherit, raises its expected gain less than nine lucky runs would."""
    inherited = [one for one in checkpoints_of(PATHS) if len(one.letters) == 3]
    lucky = [
        Checkpoint(seed=0, letters=one.letters, objective=one.objective + (1.0 if one.letters[0] == 1 else 0.0))
        for one in inherited
    ]
    apart = [Checkpoint(seed=index, letters=one.letters, objective=one.objective) for index, one in enumerate(lucky)]
    scales = Scales(effect=0.3, luck=0.5, seed=0.01, recall=0.7, growth=1.0)
    shared_gain, own_gain = (
        PathModel.fit(PHASES, seen, scales=scales).beliefs([(1, 0, 0), (0, 0, 0)]).difference(0, 1)[0]
        for seen in (lucky, apart)
    )
    assert shared_gain < own_gain


def test_an_algorithm_that_learns_nothing_does_not_widen_the_others_scales():
    seen = checkpoints_of(PATHS, luck=0.1)
    far = [
        Checkpoint(seed=0, letters=one.letters, objective=one.objective - (40.0 if 2 in one.letters else 0.0))
        for one in seen
    ]
    assert PathModel.fit(PHASES, far).scales.effect < 1.0


@pytest.mark.parametrize("num", [1, 40])
def test_joint_draws_have_the_believed_differences(num):
    beliefs = PathModel.fit(PHASES, checkpoints_of(PATHS[:num], seeds=2, luck=0.2)).beliefs(PATHS)
    draws = beliefs.draw(np.random.default_rng(0), 20_000)
    mean, deviation = beliefs.difference(3, 14)
    drawn = draws[:, 3] - draws[:, 14]
    assert drawn.mean() == pytest.approx(mean, abs=0.02)
    assert drawn.std() == pytest.approx(deviation, rel=0.03)


def test_a_prior_of_the_right_gains_finds_the_best_path_before_it_is_trained():
    prior = PathPrior(gains=place_gains(PHASES, {path: 2.0 * truth(path) for path in PATHS}))
    seen = checkpoints_of([(0, 0, 0)])
    beliefs = PathModel.fit(PHASES, seen, prior=prior).beliefs(PATHS)
    assert PATHS[int(np.argmax(beliefs.mean_P))] == (1, 2, 2)


def test_a_prior_of_wrong_gains_is_overruled():
    prior = PathPrior(gains=place_gains(PHASES, {path: -truth(path) for path in PATHS}))
    beliefs = PathModel.fit(PHASES, checkpoints_of(PATHS, seeds=2, luck=0.05), prior=prior).beliefs(PATHS)
    assert PATHS[int(np.argmax(beliefs.mean_P))] == (1, 2, 2)


def test_beliefs_under_a_prior_are_those_of_one_more_feature():
    """κ w(x) with κ ~ N(½, ½²) is a mean and a rank-one covariance."""
    prior = PathPrior(gains=((0.0, 0.5, -0.2), (0.0, 0.1, 0.3), (0.0, -0.4, 0.2)))
    scales = Scales(effect=0.5, luck=0.2, seed=0.4, recall=0.7, growth=1.2)
    seen = checkpoints_of([(0, 0, 0), (1, 0, 2)])
    beliefs = PathModel.fit(PHASES, seen, scales=scales, prior=prior).beliefs(PATHS)

    letters = letters_array([*(one.letters for one in seen), *PATHS], 3)
    num = len(seen)
    rows = Rows(letters_NQ=letters, seed_N=np.array([0] * num + [-1] * len(PATHS)))
    expected = prior.expected(letters)
    joint = PathKernel.between(rows, rows, np.eye(3)).covariance(scales) + 0.25 * np.outer(expected, expected)
    joint[:num, :num] += EVALUATION**2 * np.eye(num)
    level = {len(one.letters): one.objective for one in seen if set(one.letters) == {0}}
    residual = np.array([one.objective - level[len(one.letters)] for one in seen]) - 0.5 * expected[:num]
    mean = level[3] + 0.5 * expected[num:] + joint[num:, :num] @ np.linalg.solve(joint[:num, :num], residual)
    np.testing.assert_allclose(beliefs.mean_P, mean, rtol=1e-6)


def test_place_gains_are_those_of_an_additive_truth():
    assert np.allclose(place_gains(PHASES, {path: truth(path) for path in PATHS}), GAINS)


def test_a_prior_is_read_as_it_was_written():
    prior = PathPrior(gains=((0.0, 0.5), (0.0, -0.25)))
    assert PathPrior.from_dict(prior.to_dict()) == prior


def test_a_prior_of_other_phases_is_refused():
    with pytest.raises(ConfigError, match="row for each of 3 phases"):
        PathModel.fit(PHASES, checkpoints_of([(0, 0, 0)]), prior=PathPrior(gains=((0.0, 0.5, 0.1),)))
