"""What a search hands over, and how sure it is that it is better.

It is the path of the highest m − c s, with m and s the mean and standard deviation of its gain over maximum likelihood.
c > 0 prefers what was trained to what nothing is known of, since algorithms that are untried are worse more often than
better, and far worse at times.

The gain over maximum likelihood is a difference of two values of one Gaussian process, so the model believes N(m, s²).
It promises too much. Its scales follow losses, which are larger than gains; it holds the reference for as likely to be
bad as any algorithm; and a path leads by luck, too. The gain of the best of many needs no correction only where the
prior is right. So a sceptic's prior N(0, σ²) of the gain joins it (Spiegelhalter, Freedman & Parmar 1994):

    w = σ² / (σ² + s²),     m' = w m,     s'² = w s²,     σ² = (Q / 2) σ_place²,
    interval  [m' − 1.96 s', m + 1.96 s],     p = Φ(−m' / s').

The sceptic expects effects in half of the phases, of the scale before anything was seen. The interval begins at the
sceptic's lower end and ends at the model's upper end, so it holds for each prior in between. The expected gain is
the sceptic's. The benchmark of paths measures both claims: how many intervals hold the true gain, and of the searches
that claim p < 0.05, how many hand over a path that is truly better.

Legend: P paths, Q phases.
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

__all__ = ["SURE", "TAIL", "Gain", "Handover", "hand_over", "sceptical_gain"]

SURE: Final = 0.05
"""Probability of no gain below which a gain is sure."""

TAIL: Final = 1.959964
"""Half the width of a 95 % interval, in standard deviations."""

_CONSIDERED: Final = 2000
_LAST: Final = 2**31
"""Number of the draw of considered paths, above that of every branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Difference of the path that is handed over to another one.

    Attributes:
        path: The other path.
        mean: Difference that the sceptic expects, in points of the objective.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Probability that it is not above 0, for the sceptic.
    """

    path: Letters
    mean: float
    low: float
    high: float
    p_value: float

    @property
    def is_sure(self) -> bool:
        """Whether p < 0.05."""
        return self.p_value < SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The end of a search, or its state.

    Attributes:
        path: The path, whether it was trained or not.
        objective: Its expected objective: that of maximum likelihood, and the gain.
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
    doubt = math.sqrt(phases.num_phases / 2.0) * settings.prior.scales.effect
    over_reference = _gain(beliefs, best, reference, doubt)
    return Handover(
        path=paths[best],
        objective=float(beliefs.mean_P[reference]) + over_reference.mean,
        seeds=sum(one.letters == paths[best] for one in checkpoints),
        over_reference=over_reference,
        over_point=_gain(beliefs, best, point, doubt),
    )


def sceptical_gain(path: Letters, mean: float, deviation: float, doubt: float) -> Gain:
    """The gain over a path, see the module.

    Args:
        path: The other path.
        mean: m, difference that the model expects.
        deviation: s, its standard deviation.
        doubt: σ, standard deviation of the gain that the sceptic expects; positive.
    """
    weight = doubt**2 / (doubt**2 + deviation**2)
    expected, own = weight * mean, math.sqrt(weight) * deviation
    return Gain(
        path=path,
        mean=expected,
        low=expected - TAIL * own,
        high=mean + TAIL * deviation,
        p_value=float(norm.cdf(-expected / max(own, math.ulp(1.0)))),
    )


def _gain(beliefs: Beliefs, path: int, other: int, doubt: float) -> Gain:
    if path == other:
        return Gain(path=beliefs.paths[other], mean=0.0, low=0.0, high=0.0, p_value=1.0)
    return sceptical_gain(beliefs.paths[other], *beliefs.difference(path, other), doubt)
