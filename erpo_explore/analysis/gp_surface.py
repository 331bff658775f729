"""Score surface between trials, with its uncertainty: Gaussian-process regression on noisy scores.

Model: f ~ GP(mean, s² · Matérn_{5/2}), y = f(x) + ε, with one noise variance. Length scales, s and noise maximise the
likelihood of a sample of the scores. The fit then uses all scores, averaged in small cells; the mean of n scores has
the noise variance over n. The cost therefore does not grow with the number of trials.

Legend: N scores, D coordinates, M query positions, C cells.

Left out: noise that depends on the position. Far from every trial the surface is only the mean, so `known_N` marks
where scores constrain it, and figures leave the rest blank.
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

__all__ = ["Prior", "SurfaceEstimate", "fit_prior", "fit_surface"]

MIN_POSITIONS: Final = 4  # with fewer, two length scales, an amplitude and a noise fit anything
NUM_SAMPLED: Final = 150
CELL: Final = 1 / 20
KNOWN_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Covariance of scores over the space, in units of their standard deviation.

    Attributes:
        kernel: Kernel of f.
        noise: Variance of one score around f.
    """

    kernel: Kernel
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceEstimate:
    """The surface at N positions.

    Attributes:
        mean_N: Expected score.
        sd_N: Standard deviation of the mean score over seeds; the noise of a single seed comes on top.
        known_N: True where nearby scores reduce the prior standard deviation by at least a tenth.
    """

    mean_N: Float[np.ndarray, " N"]
    sd_N: Float[np.ndarray, " N"]
    known_N: np.ndarray


def fit_prior(positions_ND: Float[np.ndarray, "N D"], scores_N: Float[np.ndarray, " N"]) -> Prior | None:
    """Fit length scales, amplitude and noise by maximum likelihood.

    Args:
        positions_ND: Positions of the scores, coordinates of about [0, 1].
        scores_N: Scores.

    Returns:
        None where there are fewer than four different positions.
    """
    if len(np.unique(positions_ND.round(6), axis=0)) < MIN_POSITIONS:
        return None
    kept = np.arange(len(scores_N))
    if len(kept) > NUM_SAMPLED:
        kept = np.sort(np.random.default_rng(0).choice(len(kept), NUM_SAMPLED, replace=False))
    num_coordinates = positions_ND.shape[1]
    shape = Matern([0.3] * num_coordinates, length_scale_bounds=(0.08, 2.0), nu=2.5)
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * shape + WhiteKernel(0.1, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel)
    # for matrices this small a second thread gains nothing
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # an optimum on a bound is acceptable
        process.fit(positions_ND[kept], _standard(scores_N)[kept])
    return Prior(kernel=process.kernel_.k1, noise=float(process.kernel_.k2.noise_level))


def fit_surface(
    prior: Prior,
    positions_ND: Float[np.ndarray, "N D"],
    scores_N: Float[np.ndarray, " N"],
    queries_MD: Float[np.ndarray, "M D"],
) -> SurfaceEstimate:
    """Predict the surface at the query positions.

    Args:
        prior: Result of `fit_prior`, from these scores or from others of the same task.
        positions_ND: Positions of the scores; at least one.
        scores_N: Scores.
        queries_MD: Query positions.
    """
    _, cell_N, counts_C = np.unique((positions_ND / CELL).round(), axis=0, return_inverse=True, return_counts=True)
    cell_N = cell_N.ravel()
    cells_CD = np.stack([np.bincount(cell_N, column) / counts_C for column in positions_ND.T], axis=1)
    scores_C = np.bincount(cell_N, _standard(scores_N)) / counts_C
    process = GaussianProcessRegressor(prior.kernel, alpha=prior.noise / counts_C, optimizer=None)
    with threadpool_limits(1):
        mean_M, sd_M = process.fit(cells_CD, scores_C).predict(queries_MD, return_std=True)
    scale, unseen_M = _scale(scores_N), np.sqrt(prior.kernel.diag(queries_MD))
    known_M = sd_M <= KNOWN_SHARE * unseen_M
    return SurfaceEstimate(mean_N=scores_N.mean() + scale * mean_M, sd_N=scale * sd_M, known_N=known_M)


def _standard(scores_N: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Scores minus their mean, in units of their standard deviation."""
    standardised: Float[np.ndarray, " N"] = (scores_N - scores_N.mean()) / _scale(scores_N)
    return standardised


def _scale(scores_N: Float[np.ndarray, " N"]) -> float:
    """Standard deviation of the scores; 1 where all are equal."""
    return float(scores_N.std()) or 1.0
