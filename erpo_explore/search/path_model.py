"""A Gaussian process over paths: what every path would reach, seen or not, given the checkpoints so far.

With K the covariance of the N checkpoints (`path_kernel`), k that of paths with them, m the prior's expectation
(`path_prior`, whose κ adds to K and k), and r = y − μ − m the residuals,

    mean = μ_Q + m + k (K + σ_ε² I)⁻¹ r,        covariance = k_paths − k (K + σ_ε² I)⁻¹ kᵀ.

- μ_t is the mean of the reference's objectives after t phases, over seeds. So effects are differences to maximum
  likelihood, and a score far below it after the first phase is no surprise to it.
- Residuals below −5 λ^(Q−t) σ_place, with the prior's scales, are clipped there. An algorithm that learns nothing from
  scratch is bad enough at the clip, and the scales would follow it. Losses are larger than gains, so a scale that
  follows losses promises gains that do not exist.
- The scales maximise log N(r; 0, K + σ_ε² I) + log p(scales). The prior is log-normal around the given scales, so that
  ten checkpoints do not decide alone.

Left out: cross-validation of the scales, and their posterior.

Legend: N checkpoints, P paths, Q phases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from erpo_explore.search.path_kernel import EVALUATION, PathKernel, Rows, Scales
from erpo_explore.search.path_prior import CLIP, KEPT, PathPrior
from erpo_explore.search.phases import Checkpoint, Letters, Phases, letters_array, objectives

__all__ = ["Beliefs", "PathModel"]

_ITERATIONS: Final = 15
_SEARCHED: Final = {"effect": 0.4, "luck": 0.2, "growth": 0.3, "fade": 0.1}
"""Standard deviations of the scales' logarithms under their prior."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beliefs:
    """What the model believes of some paths at the end of the budget, without a seed's level and luck.

    Attributes:
        paths: The paths.
        mean_P: Expected objective.
        covariance_PP: Its covariance.
    """

    paths: Sequence[Letters]
    mean_P: Float[np.ndarray, " P"]
    covariance_PP: Float[np.ndarray, "P P"]

    def draw(self, generator: np.random.Generator, num: int) -> Float[np.ndarray, "num P"]:
        """Objectives of all paths, drawn jointly."""
        jitter = 1e-8 + 1e-6 * float(self.covariance_PP.diagonal().mean())
        factor_PP = np.linalg.cholesky(self.covariance_PP + jitter * np.eye(len(self.mean_P)))
        return np.asarray(self.mean_P + generator.standard_normal((num, len(self.mean_P))) @ factor_PP.T)

    def difference(self, path: int, other: int) -> tuple[float, float]:
        """Mean and standard deviation of the difference between two paths, by their numbers."""
        C = self.covariance_PP
        variance = C[path, path] + C[other, other] - 2.0 * C[path, other]
        return float(self.mean_P[path] - self.mean_P[other]), math.sqrt(max(0.0, float(variance)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathModel:
    """A fitted process.

    Attributes:
        phases: The space of paths.
        rows: The checkpoints.
        residual_N: Objectives less the reference's, clipped, and less the prior's expectation.
        level: Objective of the reference at the end.
        scales: Scales of the covariance.
        similarity_AA: Similarity of the algorithms.
        prior: Prior of gains and scales.
    """

    phases: Phases
    rows: Rows
    residual_N: Float[np.ndarray, " N"]
    level: float
    scales: Scales
    similarity_AA: Float[np.ndarray, "A A"]
    prior: PathPrior
    _factor: tuple[Float[np.ndarray, "N N"], bool] = field(repr=False)

    @classmethod
    def fit(
        cls,
        phases: Phases,
        checkpoints: Sequence[Checkpoint],
        *,
        prior: PathPrior | None = None,
        scales: Scales | None = None,
        similarity_AA: Float[np.ndarray, "A A"] | None = None,
    ) -> "PathModel":
        """Fit the scales.

        Args:
            phases: The space of paths.
            checkpoints: At least one whole run of the reference among them.
            prior: Prior of gains and scales. Default: no gain, and the scales of `Scales`.
            scales: Scales that are taken as they are. Default: fitted.
            similarity_AA: Similarity of the algorithms. Default: none but of each with itself.
        """
        similarity_AA = np.eye(phases.num_algorithms) if similarity_AA is None else similarity_AA
        rows = Rows(
            letters_NQ=letters_array([one.letters for one in checkpoints], phases.num_phases),
            seed_N=np.array([one.seed for one in checkpoints], np.int64),
        )
        prior = prior or PathPrior()
        residual_N, level = _residuals(phases, rows, objectives(checkpoints), prior.scales)
        expected_N = prior.expected(rows.letters_NQ)
        residual_N -= KEPT * expected_N
        kernel = PathKernel.between(rows, rows, similarity_AA)
        if scales is None:
            scales = _fitted(kernel, residual_N, expected_N, prior.scales)
        return cls(
            phases=phases,
            rows=rows,
            residual_N=residual_N,
            level=level,
            scales=scales,
            similarity_AA=similarity_AA,
            prior=prior,
            _factor=_factored(kernel, expected_N, scales),
        )

    def beliefs(self, paths: Sequence[Letters]) -> Beliefs:
        """What is believed of paths."""
        mean_P, covariance_PP = self._posterior(paths, [-1] * len(paths))
        return Beliefs(paths=paths, mean_P=mean_P, covariance_PP=covariance_PP)

    def joint_covariance(self, paths: Sequence[Letters], seeds: Sequence[int]) -> Float[np.ndarray, "P P"]:
        """Covariance of the objectives of paths, each on a seed as it would be scored there.

        Args:
            paths: Whole paths.
            seeds: Seed of each; −1 for the objective without a seed's level and luck.
        """
        _, covariance_PP = self._posterior(paths, seeds)
        noise_P = np.where(np.array(seeds) >= 0, EVALUATION**2, 0.0)
        return np.asarray(covariance_PP + np.diag(noise_P))

    def _posterior(
        self, paths: Sequence[Letters], seeds: Sequence[int]
    ) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, "P P"]]:
        rows = Rows(letters_NQ=letters_array(paths, self.phases.num_phases), seed_N=np.array(seeds, np.int64))
        expected_P, expected_N = (self.prior.expected(each.letters_NQ) for each in (rows, self.rows))
        k_PN = PathKernel.between(rows, self.rows, self.similarity_AA).covariance(self.scales)
        k_PN += KEPT**2 * np.outer(expected_P, expected_N)
        k_PP = PathKernel.between(rows, rows, self.similarity_AA).covariance(self.scales)
        k_PP += KEPT**2 * np.outer(expected_P, expected_P)
        solved_NX = cho_solve(self._factor, np.concatenate([self.residual_N[:, None], k_PN.T], axis=1))
        return self.level + KEPT * expected_P + k_PN @ solved_NX[:, 0], k_PP - k_PN @ solved_NX[:, 1:]


def _residuals(
    phases: Phases, rows: Rows, objective_N: Float[np.ndarray, " N"], prior: Scales
) -> tuple[Float[np.ndarray, " N"], float]:
    """Objectives less the reference's of the same length, clipped from below, and the reference's at the end."""
    length_N = rows.length_N
    is_reference_N = ((rows.letters_NQ == phases.reference) | (rows.letters_NQ < 0)).all(axis=1)
    residual_N = objective_N.copy()
    level = math.nan
    for length in range(1, phases.num_phases + 1):
        own_N = length_N == length
        if own_N.any():
            level = float(objective_N[own_N & is_reference_N].mean())
            lowest = -CLIP * prior.growth ** (phases.num_phases - length) * prior.effect
            residual_N[own_N] = np.maximum(objective_N[own_N] - level, lowest)
    return residual_N, level


def _fitted(
    kernel: PathKernel, residual_N: Float[np.ndarray, " N"], expected_N: Float[np.ndarray, " N"], prior: Scales
) -> Scales:
    """Scales of the highest posterior density."""
    centre = np.log([getattr(prior, name) for name in _SEARCHED])
    widths = np.array(list(_SEARCHED.values()))

    def scales_of(log_S: Float[np.ndarray, " S"]) -> Scales:
        return replace(prior, **dict(zip(_SEARCHED, np.exp(log_S).tolist(), strict=True)))

    def loss(log_S: Float[np.ndarray, " S"]) -> float:
        factor = _factored(kernel, expected_N, scales_of(log_S))
        fit = float(residual_N @ cho_solve(factor, residual_N)) / 2.0
        return fit + float(np.log(factor[0].diagonal()).sum()) + float((((log_S - centre) / widths) ** 2).sum()) / 2.0

    bounds = list(zip(centre - 3.0 * widths, centre + 3.0 * widths, strict=True))
    return scales_of(minimize(loss, centre, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS}).x)


def _factored(
    kernel: PathKernel, expected_N: Float[np.ndarray, " N"], scales: Scales
) -> tuple[Float[np.ndarray, "N N"], bool]:
    """Cholesky factor of the covariance of the observations."""
    covariance_NN = kernel.covariance(scales) + KEPT**2 * np.outer(expected_N, expected_N)
    covariance_NN[np.diag_indices_from(covariance_NN)] += EVALUATION**2
    factor_NN, lower = cho_factor(covariance_NN, lower=True, overwrite_a=True)
    return factor_NN, lower
