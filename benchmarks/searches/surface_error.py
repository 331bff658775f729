"""Error of the surrogate on whole unseen paths, for each regressor that was tried.

    .venv/bin/python -m benchmarks.searches.surface_error

Five folds of paths; all seeds of a path are in the same fold. A surrogate of the other folds simulates each left-out
path from step 0 to the end, and its final score is compared with the recorded one. The spread between seeds of one path
is a lower bound of the error and is printed as well.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold

from benchmarks.searches.surface import (
    CHOSEN,
    REGRESSORS,
    States,
    Surface,
    gaussian_process,
    intervals,
    load_recording,
    load_surface,
    path_names,
    recorded_knots,
)
from benchmarks.searches.surface_paths import INTERVALS


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", action="store_true", help="also fit the kernel of the Gaussian process")
    options = parser.parse_args()
    frame = load_recording()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a Gaussian process warns about its bounds
        if options.kernel:
            features_RF, gains_R2 = intervals(frame)
            some = np.random.default_rng(0).choice(len(features_RF), 500, replace=False)
            print(gaussian_process(fitted=False).fit(features_RF[some], gains_R2[some])[-1].kernel_, "\n")
        spread = simulated_spread(frame, load_surface())
        print(
            f"{frame['run'].nunique()} runs; spread between seeds of one path {seed_spread(frame):.2f} points, ", end=""
        )
        print(f"on the surface {spread:.2f}\n")
        print("| regressor | RMSE of final scores | rank correlation | bias |\n| --- | --- | --- | --- |")
        for name, model in REGRESSORS.items():
            final_P, recorded_P = rolled_out(frame, model)
            rmse, correlation = np.sqrt(np.mean((final_P - recorded_P) ** 2)), spearmanr(final_P, recorded_P).statistic
            shown = f"**{name}**" if name == CHOSEN else name
            print(f"| {shown} | {rmse:.2f} | {correlation:.2f} | {np.mean(final_P - recorded_P):+.2f} |")


def simulated_spread(frame: pd.DataFrame, surface: Surface, *, copies: int = 100) -> float:
    """Spread between simulated seeds of one path, with evaluation noise, over the same paths."""
    generator, variances = np.random.default_rng(0), []
    for _, runs in frame.groupby(path_names(frame)):
        if runs["run"].nunique() > 1:
            knots_TC = recorded_knots(runs[runs["run"] == runs["run"].iloc[0]])
            states = States.first(np.repeat(knots_TC[:1], copies, axis=0))
            for knot_C in knots_TC[1:]:
                states = surface.advance(states, np.tile(knot_C, (copies, 1)), generator)
            variances.append(surface.observe(states, generator).mean(axis=1).var(ddof=1))
    return float(np.sqrt(np.mean(variances)))


def seed_spread(frame: pd.DataFrame) -> float:
    """Standard deviation of final scores between seeds of one path, pooled over the repeated paths."""
    final = frame[frame["interval"] == INTERVALS]
    groups = final.groupby(path_names(final))["score"]
    variance, size = groups.var().dropna(), groups.size()
    return float(np.sqrt(np.average(variance, weights=size[variance.index] - 1)))


def rolled_out(frame: pd.DataFrame, model: BaseEstimator, folds: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Final scores of left-out runs, simulated and recorded; two arrays with one entry per run."""
    runs = [run for _, run in frame.groupby("run", sort=False) if len(run) == INTERVALS]
    paths = [str(path_names(run).iloc[0]) for run in runs]
    knots_PTC = np.stack([recorded_knots(run) for run in runs])
    final_P = np.empty(len(runs))
    for kept, left_out in GroupKFold(folds).split(runs, groups=paths):
        surface = Surface(pd.concat([runs[index] for index in kept]), model)
        final_P[left_out] = surface.final_scores(knots_PTC[left_out])
    return final_P, np.asarray([run["score"].iloc[-1] for run in runs], dtype=float)


if __name__ == "__main__":
    main()
