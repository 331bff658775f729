import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

from erpo_explore.analysis.gp_surface import fit_prior, fit_surface


def hill(positions_ND):
    return 20.0 + 5.0 * np.exp(-4.0 * ((positions_ND - 0.4) ** 2).sum(axis=1))


@pytest.fixture
def positions_ND():
    return np.random.default_rng(1).uniform(size=(60, 2))


@pytest.fixture
def scores_N(positions_ND):
    return hill(positions_ND) + np.random.default_rng(2).normal(0.0, 0.2, len(positions_ND))


def test_the_surface_recovers_a_hill_between_trials(positions_ND, scores_N):
    queries_MD = np.random.default_rng(3).uniform(0.1, 0.9, size=(200, 2))
    surface = fit_surface(fit_prior(positions_ND, scores_N), positions_ND, scores_N, queries_MD)
    assert np.abs(surface.mean_N - hill(queries_MD)).mean() < 0.2
    # 95 % intervals of the mean hold it about as often as they say
    assert np.mean(np.abs(surface.mean_N - hill(queries_MD)) < 2.0 * surface.sd_N) > 0.85
    assert surface.known_N.all()


def test_positions_in_separate_cells_match_a_plain_gaussian_process():
    positions_ND = np.array([[0.1, 0.2], [0.5, 0.5], [0.9, 0.1], [0.3, 0.8], [0.7, 0.7]])
    scores_N = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    prior = fit_prior(positions_ND, scores_N)
    queries_MD = np.random.default_rng(0).uniform(size=(20, 2))
    plain = GaussianProcessRegressor(prior.kernel + WhiteKernel(prior.noise), optimizer=None, normalize_y=True)
    expected = plain.fit(positions_ND, scores_N).predict(queries_MD)
    assert fit_surface(prior, positions_ND, scores_N, queries_MD).mean_N == pytest.approx(expected)


def test_the_surface_is_unknown_far_from_every_trial(positions_ND, scores_N):
    near_ND = 0.1 * positions_ND
    prior = fit_prior(near_ND, scores_N)
    assert not fit_surface(prior, near_ND, scores_N, np.array([[50.0, 50.0]])).known_N.any()


def test_more_seeds_at_a_position_reduce_the_uncertainty(positions_ND, scores_N):
    prior, here = fit_prior(positions_ND, scores_N), np.array([[0.5, 0.5]])
    once, often = np.repeat(here, 1, axis=0), np.repeat(here, 50, axis=0)
    doubts = [
        fit_surface(prior, np.vstack([positions_ND, more]), np.append(scores_N, [24.0] * len(more)), here).sd_N[0]
        for more in (once, often)
    ]
    assert doubts[1] < doubts[0]


def test_three_positions_are_too_few_to_fit():
    assert fit_prior(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([1.0, 2.0, 3.0, 4.0])) is None


def test_equal_scores_give_a_constant_surface():
    positions_ND = np.random.default_rng(0).uniform(size=(8, 2))
    scores_N = np.full(8, 3.0)
    surface = fit_surface(fit_prior(positions_ND, scores_N), positions_ND, scores_N, positions_ND)
    assert surface.mean_N == pytest.approx(scores_N)
