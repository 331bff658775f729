"""What a search hands over, and how sure it is that it is better.

It is the path of the highest m − c s, with m and s the mean and standard deviation of its gain over maximum likelihood.
c > 0 prefers what was trained to what nothing is known of, since algorithms that are untried are worse more often than
better, and far worse at times.

The gain over maximum likelihood is a difference of two values of one Gaussian process, so it is Gaussian:

    gain ~ N(m, s²),     p = P(gain ≤ 0) = Φ(−m / s).

A path leads a search partly by luck. The process knows how much luck a score holds and shrinks it, so the gain of the
best of many paths needs no further correction as long as the scales are right. The benchmark of paths measures it: of
100 searches that claim a gain at p < 0.05, how many hand over a path that is truly better.

Legend: P paths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from erpo_explore.search.branching import Branching, considered_paths, fitted_model
from erpo_explore.search.path_model import Beliefs
from erpo_explore.search.phases import Checkpoint, Letters, Phases
from erpo_explore.search.streams import keyed_generator

__all__ = ["Gain", "Handover", "hand_over"]

_SURE: Final = 0.05
_TAIL: Final = 1.959964
_CONSIDERED: Final = 2000
_LAST: Final = 2**31
"""Number of the draw of considered paths, above that of every branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Difference of the path that is handed over to another one.

    Attributes:
        path: The other path.
        mean: Expected difference, in points of the objective.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Probability that it is not above 0.
    """

    path: Letters
    mean: float
    low: float
    high: float
    p_value: float

    @property
    def is_sure(self) -> bool:
        """Whether p < 0.05."""
        return self.p_value < _SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The end of a search, or its state.

    Attributes:
        path: The path, whether it was trained or not.
        objective: Its expected objective.
        seeds: Number of seeds on which the whole path was trained.
        over_reference: Its gain over maximum likelihood.
        over_point: Its gain over the constant path of the highest expected objective.
    """

    path: Letters
    objective: float
    seeds: int
    over_reference: Gain
    over_point: Gain


def hand_over(phases: Phases, checkpoints: Sequence[Checkpoint], settings: Branching, *, seed: int) -> Handover:
    """Choose a path.

    Args:
        phases: The space of paths.
        checkpoints: Everything that was scored, in its order, with a whole run of the reference.
        settings: Settings of the search.
        seed: Random seed of the search.
    """
    paths = considered_paths(phases, checkpoints, _CONSIDERED, keyed_generator(seed, _LAST))
    beliefs = fitted_model(phases, tuple(checkpoints), settings.prior).beliefs(paths)
    number = {path: index for index, path in enumerate(paths)}
    reference = number[phases.reference_path]
    C_PP = beliefs.covariance_PP
    variance_P = C_PP.diagonal() + C_PP[reference, reference] - 2.0 * C_PP[reference]
    best = int(np.argmax(beliefs.mean_P - settings.caution * np.sqrt(np.maximum(variance_P, 0.0))))
    point = max((number[path] for path in phases.constants), key=lambda index: float(beliefs.mean_P[index]))
    return Handover(
        path=paths[best],
        objective=float(beliefs.mean_P[best]),
        seeds=sum(one.letters == paths[best] for one in checkpoints),
        over_reference=_gain(beliefs, best, reference),
        over_point=_gain(beliefs, best, point),
    )


def _gain(beliefs: Beliefs, path: int, other: int) -> Gain:
    mean, deviation = beliefs.difference(path, other)
    p_value = 1.0 if path == other else float(norm.cdf(-mean / max(deviation, math.ulp(1.0))))
    return Gain(
        path=beliefs.paths[other],
        mean=mean,
        low=mean - _TAIL * deviation,
        high=mean + _TAIL * deviation,
        p_value=p_value,
    )
