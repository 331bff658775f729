"""What a knot would gain: a time-varying Gaussian process on the gains of earlier knots.

    y = (gain − mean) / deviation, of gains at about the same progress over as many intervals
    k(x, x') = σ_1² M_5/2(knot) · Π_c M_5/2(category c) · exp(−λ |t − t'|)  +  σ_2² RBF(score)  +  σ_3² [x = x']

M_5/2 has a length for each numeric coordinate and the horizon; a category stands as one-hot columns, so that two
different ones are all equally far apart. exp(−λ |t − t'|) = (1 − ε)^{|t − t'|/2} forgets what gained at another
progress t (Bogunovic et al. 2016; Parker-Holder et al. 2020): it is M_1/2. The second part is what weights gain for
their score wherever they walk, as low scores catch up. Gains fall by orders of magnitude along a run, which is why
they are normalised among their peers. Hyperparameters maximise the marginal likelihood from a few seeded starts.

Shapes: N gains, M places to ask for, F columns (D numeric coordinates, horizon, one-hot categories, progress, score).
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern, WhiteKernel

from erpo_explore.search.column_kernel import ColumnKernel
from erpo_explore.search.gains import Gain
from erpo_explore.search.region import Categories, Region

__all__ = ["GainModel"]

_NUM_STARTS: Final = 2
_MAX_STEPS: Final = 12
_MOST_LEARNT: Final = 100
"""Gains that hyperparameters are sought with, which takes ten times as long as the rest."""

_NUM_PEERS: Final = 4
"""Gains that a gain is at least compared with; where fewer were made at its progress, the nearest ones count."""

_EQUAL: Final = 1e-9
_LENGTHS: Final = (0.1, 10.0)
_VARIANCES: Final = (0.05, 10.0)
_NOISES: Final = (0.02, 2.0)


class GainModel:
    """The process after some gains."""

    def __init__(self, region: Region, gains: Sequence[Gain], generator: np.random.Generator) -> None:
        """Learn from gains.

        Args:
            region: Which coordinates are searched.
            gains: At least two, at points of the region; hyperparameters are sought with the first hundred.
            generator: Of the starts from which hyperparameters are sought.
        """
        self._region = region
        scores = np.array([gain.score for gain in gains])
        self._score_mean, self._score_scale = float(scores.mean()), float(scores.std()) or 1.0
        places = [region.to_unit(gain.knot) for gain in gains]
        self._x_NF = np.concatenate(
            [
                self.columns(
                    unit_D[None], [categories], progress=gain.progress, score=gain.score, intervals=gain.intervals
                )
                for (unit_D, categories), gain in zip(places, gains, strict=True)
            ]
        )
        self._y_N = _normalised(gains)
        self._process = GaussianProcessRegressor(
            _kernel(region), n_restarts_optimizer=_NUM_STARTS - 1, optimizer=_maximise, random_state=_seed(generator)
        )
        _fit(self._process, self._x_NF[:_MOST_LEARNT], self._y_N[:_MOST_LEARNT])
        # from now on the hyperparameters stay
        self._process.set_params(kernel=self._process.kernel_, optimizer=None)
        _fit(self._process, self._x_NF, self._y_N)

    def columns(
        self,
        unit_MD: Float[np.ndarray, "M D"],
        categories: Sequence[Categories],
        *,
        progress: float,
        score: float,
        intervals: int,
    ) -> Float[np.ndarray, "M F"]:
        """What the process sees of knots that are walked to from one place."""
        known = [
            [float(value == chosen[index]) / math.sqrt(2.0) for index, values in self._searched() for value in values]
            for chosen in categories
        ]
        num_knots = len(unit_MD)
        horizon_M1 = np.full((num_knots, 1), math.log2(intervals))
        now_M2 = np.tile([progress, (score - self._score_mean) / self._score_scale], (num_knots, 1))
        one_hot = np.array(known, dtype=np.float64).reshape(num_knots, -1)
        return np.concatenate([unit_MD, horizon_M1, one_hot, now_M2], axis=1)

    def predict(self, x_MF: Float[np.ndarray, "M F"]) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
        """Mean and standard deviation of the normalised gain, without what is noise."""
        mean_M, deviation_M = self._process.predict(x_MF, return_std=True)
        noise = self._process.kernel_.k2.noise_level
        return mean_M, np.sqrt(np.maximum(deviation_M**2 - noise, 0.0))

    def imagine(self, x_F: Float[np.ndarray, " F"]) -> None:
        """Take note of a knot that will be walked to, as if it had gained what is expected of it.

        The mean stays, and the deviation shrinks around it, so that the next member of a batch looks elsewhere
        (Desautels et al. 2014).
        """
        mean_M, _ = self.predict(x_F[None])
        self._x_NF, self._y_N = np.concatenate([self._x_NF, x_F[None]]), np.concatenate([self._y_N, mean_M])
        _fit(self._process, self._x_NF, self._y_N)

    def _searched(self) -> list[tuple[int, tuple[str, ...]]]:
        """Position and values of each category that is searched."""
        return _several(self._region)


def _several(region: Region) -> list[tuple[int, tuple[str, ...]]]:
    return [(index, values) for index, values in enumerate(region.choices) if len(values) > 1]


def _kernel(region: Region) -> Kernel:
    place = len(region.ranges) + 1
    kernel = ConstantKernel(1.0, _VARIANCES) * ColumnKernel(Matern([0.5] * place, _LENGTHS, nu=2.5), 0, place)
    for _, values in _several(region):
        kernel *= ColumnKernel(Matern(1.0, _LENGTHS, nu=2.5), place, place + len(values))
        place += len(values)
    kernel *= ColumnKernel(Matern(1.0, _LENGTHS, nu=0.5), place, place + 1)
    catching_up = ConstantKernel(0.2, _VARIANCES) * ColumnKernel(RBF(2.0, _LENGTHS), place + 1, place + 2)
    return kernel + catching_up + WhiteKernel(0.3, _NOISES)


def _normalised(gains: Sequence[Gain]) -> Float[np.ndarray, " N"]:
    """Gains in deviations from the mean of their peers."""
    gain_N = np.array([gain.gain for gain in gains])
    progress_N, horizon_N = (np.array([getattr(gain, name) for gain in gains]) for name in ("progress", "intervals"))
    apart_NN = np.abs(progress_N[:, None] - progress_N)
    # those of another horizon are no peers
    apart_NN = np.where(horizon_N[:, None] == horizon_N, apart_NN, 2.0)
    nearest_NP = np.sort(apart_NN, axis=1)[:, : min(_NUM_PEERS, len(gains))]
    radius_N = np.where(nearest_NP <= 1.0, nearest_NP, 0.0).max(axis=1)
    peers_NN = (apart_NN <= radius_N[:, None]).astype(np.float64)
    peers_NN /= peers_NN.sum(axis=1, keepdims=True)
    mean_N = peers_NN @ gain_N
    deviation_N = np.sqrt(np.maximum(peers_NN @ gain_N**2 - mean_N**2, 0.0))
    # where all peers are equal, there is nothing to tell apart
    normalised_N: Float[np.ndarray, " N"] = (gain_N - mean_N) / np.maximum(deviation_N, _EQUAL)
    return np.where(deviation_N > _EQUAL, normalised_N, 0.0)


def _maximise(objective: Any, theta: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """L-BFGS with few steps: the last digits of a length change no decision."""
    found = minimize(objective, theta, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": _MAX_STEPS})
    return found.x, float(found.fun)


def _fit(process: GaussianProcessRegressor, x_NF: np.ndarray, y_N: np.ndarray) -> None:
    with warnings.catch_warnings():
        # a length at its bound is a coordinate that does not matter, or hardly any data
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x_NF, y_N)


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**32))
