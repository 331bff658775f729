"""A score surface through noisy scores at scattered places: what lies between the trials, and how sure that is.

A Gaussian process, f ~ GP(mean, s² · Matérn_{5/2}) seen through noise of one size, y = f(x) + ε. Length scales, s and
noise maximise the likelihood of a sample; then all scores take part, gathered in small cells, where the mean of n
scores has the noise's variance over n. So the cost does not grow with the number of trials.

Left out: noise that differs from place to place. Far from every trial the field is only the mean, so `known` says where
the scores have narrowed it down, and drawing leaves the rest blank.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

__all__ = ["Field", "Prior", "fit_field", "fit_prior"]

MIN_PLACES: Final = 4  # with fewer, two length scales, a size and a noise fit anything
NUM_SAMPLED: Final = 150
CELL: Final = 1 / 20
KNOWN_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """How scores vary over the space, in units of their standard deviation.

    Attributes:
        kernel: Of f.
        noise: Variance of one score around f.
    """

    kernel: Kernel
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """The surface at N places.

    Attributes:
        mean_N: Expected score.
        sd_N: Standard deviation of what the score is on average over seeds; the noise of one seed comes on top.
        known_N: Where the scores nearby have taken at least a tenth off what it was without them.
    """

    mean_N: Float[np.ndarray, " N"]
    sd_N: Float[np.ndarray, " N"]
    known_N: np.ndarray


def fit_prior(places_ND: Float[np.ndarray, "N D"], scores_N: Float[np.ndarray, " N"]) -> Prior | None:
    """The most likely length scales, size and noise; None where there are too few places to tell.

    Args:
        places_ND: Where the scores were seen, coordinates of about [0, 1].
        scores_N: The scores.
    """
    if len(np.unique(places_ND.round(6), axis=0)) < MIN_PLACES:
        return None
    kept = np.arange(len(scores_N))
    if len(kept) > NUM_SAMPLED:
        kept = np.sort(np.random.default_rng(0).choice(len(kept), NUM_SAMPLED, replace=False))
    num_coordinates = places_ND.shape[1]
    shape = Matern([0.3] * num_coordinates, length_scale_bounds=(0.08, 2.0), nu=2.5)
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * shape + WhiteKernel(0.1, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel)
    # for matrices this small a second thread only waits
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # an optimum on a bound is one, too
        process.fit(places_ND[kept], _standard(scores_N)[kept])
    return Prior(kernel=process.kernel_.k1, noise=float(process.kernel_.k2.noise_level))


def fit_field(
    prior: Prior,
    places_ND: Float[np.ndarray, "N D"],
    scores_N: Float[np.ndarray, " N"],
    asked_MD: Float[np.ndarray, "M D"],
) -> Field:
    """The surface at the places that are asked for.

    Args:
        prior: What `fit_prior` returns, of these scores or of others of the same task.
        places_ND: Where the scores were seen; at least one.
        scores_N: The scores.
        asked_MD: Where to look.
    """
    _, cell_N, counts_C = np.unique((places_ND / CELL).round(), axis=0, return_inverse=True, return_counts=True)
    cell_N = cell_N.ravel()
    cells_CD = np.stack([np.bincount(cell_N, column) / counts_C for column in places_ND.T], axis=1)
    scores_C = np.bincount(cell_N, _standard(scores_N)) / counts_C
    process = GaussianProcessRegressor(prior.kernel, alpha=prior.noise / counts_C, optimizer=None)
    with threadpool_limits(1):
        mean_M, sd_M = process.fit(cells_CD, scores_C).predict(asked_MD, return_std=True)
    scale, unseen_M = _scale(scores_N), np.sqrt(prior.kernel.diag(asked_MD))
    return Field(mean_N=scores_N.mean() + scale * mean_M, sd_N=scale * sd_M, known_N=sd_M <= KNOWN_SHARE * unseen_M)


def _standard(scores_N: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Scores less their mean, in units of their standard deviation."""
    standardised: Float[np.ndarray, " N"] = (scores_N - scores_N.mean()) / _scale(scores_N)
    return standardised


def _scale(scores_N: Float[np.ndarray, " N"]) -> float:
    """Their standard deviation; 1 where they are all the same."""
    return float(scores_N.std()) or 1.0
