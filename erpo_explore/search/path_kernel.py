"""Covariance of objectives over paths: what is trained when, and whose luck is shared.

The objective of a checkpoint, after t of Q phases x_1 … x_t of seed u, is

    y = μ_t + λ^(Q−t) (f_t(x) + g_t(u)) + ν^(Q−t) e(u, x) + ε.

The effects f of paths, the level g of a seed and a run's luck e are Gaussian, with the covariances

    cov f_t(x), f_t'(x')   = ρ^|t−t'| ( σ_place² Σ_s s(x_s, x'_s)  +  σ_pair² Σ_s s(x_s, x'_s) s(x_s+1, x'_s+1)
                                      + σ_share² Σ_s,s' s(x_s, x'_s') / (t t')  +  σ_path² c(x, x') )
    cov g_t(u), g_t'(u')   = [u = u'] ρ^|t−t'| σ_seed²
    cov e(u, x), e(u', x') = [u = u'] σ_luck² c(x, x'),     c: number of first phases that x and x' share

s(a, b) is the similarity of two algorithms: 1 for the same, 0 for two that have nothing in common. A phase contributes
by its place, together with its neighbour, by how often its algorithm occurs at all, and as part of the whole path.
Luck adds up phase by phase and is inherited by all that branch from a checkpoint. What a place is worth now and at the
end is correlated by ρ per phase. A phase earlier, differences are λ times as large, and luck ν times.

Legend: N, M checkpoints or paths, Q phases, A algorithms.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

__all__ = ["EVALUATION", "PathKernel", "Rows", "Scales"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """Scales of the covariance, in points of the objective.

    Attributes:
        effect: σ_place. The other effects are fixed multiples of it: σ_pair half, σ_path a third, σ_share as large.
        luck: σ_luck, of one phase of a run.
        seed: σ_seed.
        recall: ρ, correlation of an effect with itself one phase later.
        growth: λ, how much larger differences are one phase earlier.
        fade: ν, how much larger luck is one phase earlier.
    """

    effect: float = 0.3
    luck: float = 0.2
    seed: float = 0.4
    recall: float = 0.7
    growth: float = 1.3
    fade: float = 1.1


_PAIR: Final = 0.5
_PATH: Final = 0.33
_SHARE: Final = 1.0
"""Scales of pairs, paths and shares, in those of places."""

EVALUATION: Final = 0.05
"""Standard deviation of ε; what the same sentences leave of the noise of an evaluation, and a jitter."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Checkpoints or paths.

    Attributes:
        letters_NQ: Their phases, −1 after the last one.
        seed_N: Their seeds; −1 for none, whose level and luck are 0 on average.
    """

    letters_NQ: Int[np.ndarray, "N Q"]
    seed_N: Int[np.ndarray, " N"]

    @property
    def length_N(self) -> Int[np.ndarray, " N"]:
        """Number of their phases."""
        return np.asarray((self.letters_NQ >= 0).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathKernel:
    """The covariance of two sets of rows, as a sum of fixed matrices with scales.

    The matrices depend on the rows alone, so the scales can be changed at the price of a sum.

    Attributes:
        effect_NM: Sum of the effects' terms at σ_place = 1, without ρ and λ.
        luck_NM: [u = u'] c(x, x').
        seed_NM: [u = u'].
        apart_NM: |t − t'|.
        before_NM: (Q − t) + (Q − t').
    """

    effect_NM: Float[np.ndarray, "N M"]
    luck_NM: Float[np.ndarray, "N M"]
    seed_NM: Float[np.ndarray, "N M"]
    apart_NM: Int[np.ndarray, "N M"]
    before_NM: Int[np.ndarray, "N M"]

    @classmethod
    def between(cls, left: Rows, right: Rows, similarity_AA: Float[np.ndarray, "A A"]) -> "PathKernel":
        """Matrices of two sets of rows.

        Args:
            left: N rows.
            right: M rows.
            similarity_AA: Similarity of each two algorithms, positive semi-definite, 1 on its diagonal.
        """
        x_NQ, z_MQ = left.letters_NQ, right.letters_NQ
        root_AA = _root(similarity_AA)
        shared_NM = _shared_phases(x_NQ, z_MQ)
        own_NM = (left.seed_N[:, None] == right.seed_N[None]) & (left.seed_N >= 0)[:, None]
        length_N, length_M = left.length_N, right.length_N
        before_N, before_M = x_NQ.shape[1] - length_N, x_NQ.shape[1] - length_M
        return cls(
            effect_NM=_features(x_NQ, root_AA) @ _features(z_MQ, root_AA).T + _PATH**2 * shared_NM,
            luck_NM=np.where(own_NM, shared_NM, 0.0),
            seed_NM=own_NM.astype(np.float64),
            apart_NM=np.abs(length_N[:, None] - length_M[None]),
            before_NM=before_N[:, None] + before_M[None],
        )

    def covariance(self, scales: Scales) -> Float[np.ndarray, "N M"]:
        """The covariance, without ε."""
        recall_NM = np.power(scales.recall, np.arange(self.apart_NM.max() + 1))[self.apart_NM]
        growth_NM, fade_NM = (
            np.power(base, np.arange(self.before_NM.max() + 1))[self.before_NM] for base in (scales.growth, scales.fade)
        )
        slow_NM = growth_NM * recall_NM * (scales.effect**2 * self.effect_NM + scales.seed**2 * self.seed_NM)
        covariance: Float[np.ndarray, "N M"] = slow_NM + scales.luck**2 * fade_NM * self.luck_NM
        return covariance


def _root(similarity_AA: Float[np.ndarray, "A A"]) -> Float[np.ndarray, "A A"]:
    """R with R Rᵀ = S: the features of each algorithm, whose products are the similarities."""
    value_A, vector_AA = np.linalg.eigh(similarity_AA)
    return np.asarray(vector_AA * np.sqrt(np.maximum(value_A, 0.0)))


def _features(letters_NQ: Int[np.ndarray, "N Q"], root_AA: Float[np.ndarray, "A A"]) -> Float[np.ndarray, "N F"]:
    """Features of places, pairs and shares, whose products are the sums of the equation."""
    num = len(letters_NQ)
    trained_NQ = letters_NQ >= 0
    place_NQA = np.where(trained_NQ[..., None], root_AA[letters_NQ], 0.0)
    pair_NPAA = place_NQA[:, :-1, :, None] * place_NQA[:, 1:, None, :]
    share_NA = place_NQA.sum(axis=1) / trained_NQ.sum(axis=1, keepdims=True)
    parts = [place_NQA.reshape(num, -1), _PAIR * pair_NPAA.reshape(num, -1), _SHARE * share_NA]
    return np.concatenate(parts, axis=1)


def _shared_phases(x_NQ: Int[np.ndarray, "N Q"], z_MQ: Int[np.ndarray, "M Q"]) -> Float[np.ndarray, "N M"]:
    """Number of first phases that two rows share."""
    alike_NM = np.ones((len(x_NQ), len(z_MQ)), bool)
    shared_NM = np.zeros(alike_NM.shape)
    for x_N, z_M in zip(x_NQ.T, z_MQ.T, strict=True):
        alike_NM &= (x_N[:, None] == z_M[None]) & (x_N >= 0)[:, None]
        shared_NM += alike_NM
    return shared_NM
