"""Importance of each coordinate for the score: permutation importance on random forests, with intervals.

A random forest predicts a trial's best score from its coordinates and its training length. On unseen trials, one
coordinate is permuted. With e the squared error and V the variance of the scores,

    importance = (e with the coordinate permuted − e) / V

which is the drop in R² (Breiman 2001). Bootstraps over trials repeat this; the interval covers 95 % of the repeats.
Trials at one point, such as the seeds of an algorithm, are drawn together, or the forest would see unseen points.

Legend: N trials, F coordinates, R repeats, U unseen trials.

Left out: correlated coordinates. They share their importance, and the weights of a simplex are correlated. A low
importance therefore does not show that a coordinate is irrelevant.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.ensemble import RandomForestRegressor

from erpo_explore.analysis.trial_table import CHOICES, COORDINATES

__all__ = ["Importances", "importances"]

MIN_POINTS: Final = 12  # with fewer, a bootstrap leaves out only about four trials
MAX_TRIALS: Final = 400
NUM_TREES: Final = 25
TAILS: Final = (0.025, 0.5, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """Importances, and how well the forest that they come from predicts.

    Attributes:
        table: One row per coordinate, the most important first: coordinate, importance (median over repeats), low and
            high (95 % interval).
        r_squared: Share of the variance of unseen trials that the forest explains, median over repeats. At 0 or below
            it explains nothing, and the importances carry no information.
        num_points: Number of different points among the trials.
    """

    table: pd.DataFrame
    r_squared: float
    num_points: int


def importances(trials: pd.DataFrame, generator: np.random.Generator, *, num_repeats: int = 30) -> Importances | None:
    """Estimate which coordinates the score depends on.

    Args:
        trials: Result of `trial_table`. Of more than 400 trials a sample is taken.
        generator: Draws the bootstraps, the forests' seeds and the permutations.
        num_repeats: Number of bootstraps.

    Returns:
        None where there are fewer than 12 different points, or all scores are equal.
    """
    if len(trials) > MAX_TRIALS:
        trials = trials.iloc[np.sort(generator.choice(len(trials), MAX_TRIALS, replace=False))]
    features = _features(trials)
    points_N = np.unique(features.to_numpy().round(6), axis=0, return_inverse=True)[1].ravel()
    num_points, scores_N = len(np.unique(points_N)), trials["score"].to_numpy(dtype=np.float64)
    if num_points < MIN_POINTS or np.ptp(scores_N) == 0.0:
        return None
    repeats = [_repeat(features.to_numpy(), scores_N, points_N, generator) for _ in range(num_repeats)]
    drops_RF = np.stack([drops for drops, _ in repeats])
    low_F, middle_F, high_F = np.quantile(drops_RF, TAILS, axis=0)
    table = pd.DataFrame({"coordinate": features.columns, "importance": middle_F, "low": low_F, "high": high_F})
    return Importances(
        table=table.sort_values("importance", ascending=False, kind="stable", ignore_index=True),
        r_squared=float(np.median([r_squared for _, r_squared in repeats])),
        num_points=num_points,
    )


def _features(trials: pd.DataFrame) -> pd.DataFrame:
    """Coordinates that differ between trials, as numbers; a missing one lies below all others."""
    numbers = trials[[*COORDINATES, "step"]].astype(float)
    numbers = numbers.fillna(numbers.min() - 1.0)
    choices = {name: pd.factorize(trials[name].astype(object), sort=False)[0].astype(float) for name in CHOICES}
    features = numbers.assign(**choices).fillna(0.0)
    return features.loc[:, features.nunique() > 1]


def _repeat(
    features_NF: Float[np.ndarray, "N F"],
    scores_N: Float[np.ndarray, " N"],
    points_N: np.ndarray,
    generator: np.random.Generator,
) -> tuple[Float[np.ndarray, " F"], float]:
    """Run one bootstrap over points: drop in R² of unseen trials per coordinate, and their R²."""
    names = np.unique(points_N)
    drawn, counts = np.unique(generator.choice(names, len(names)), return_counts=True)
    weights_N = np.where(np.isin(points_N, drawn), counts[np.searchsorted(drawn, points_N).clip(max=len(drawn) - 1)], 0)
    seen_N = weights_N > 0
    forest = RandomForestRegressor(NUM_TREES, min_samples_leaf=2, random_state=int(generator.integers(2**31)))
    forest.fit(features_NF[seen_N], scores_N[seen_N], sample_weight=weights_N[seen_N])
    unseen_UF, truth_U = features_NF[~seen_N], scores_N[~seen_N]
    num_features = features_NF.shape[1]
    queries = [unseen_UF]
    for feature in range(num_features):
        permuted_UF = unseen_UF.copy()
        permuted_UF[:, feature] = generator.permutation(permuted_UF[:, feature])
        queries.append(permuted_UF)
    predicted_AU = forest.predict(np.concatenate(queries)).reshape(1 + num_features, -1)
    errors_A = ((predicted_AU - truth_U) ** 2).mean(axis=1) / scores_N.var()
    return errors_A[1:] - errors_A[0], float(1.0 - errors_A[0])
