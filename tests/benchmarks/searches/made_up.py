"""Recording of a synthetic law of training, small and quick, with known true scores.

    ceiling = max(0, 50 + 150 · m − 200 · noise),    score' = score + (ceiling − score) / 2

with m the mean noise over the path so far: noise lowers the present score and raises later ones.
"""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor

from benchmarks.searches.surface import Surface, path_coordinates
from benchmarks.searches.surface_paths import INTERVALS, plan
from erpo_explore.space import Path

SENTENCE_SD, SENTENCE_CORRELATION = 25.0, 0.6


def law(path: Path) -> np.ndarray:
    """Scores after each interval."""
    noise_T = path_coordinates(path)[:, 0]
    score, scores = 0.0, []
    for interval in range(1, INTERVALS + 1):
        ceiling = 50.0 + 150.0 * noise_T[: interval + 1].mean() - 200.0 * noise_T[interval]
        score += (max(0.0, ceiling) - score) / 2
        scores.append(score)
    return np.asarray(scores)


@cache
def recording() -> pd.DataFrame:
    """The recording that `record_surface` would write for runs that follow the law, with noise per interval."""
    generator = np.random.default_rng(3)
    rows = []
    for planned in plan(90, num_repeated=4, repeats=2):
        for interval, score in enumerate(law(planned.path) + 2.0 * generator.standard_normal(INTERVALS), 1):
            start, end = (planned.path.at(at / INTERVALS).reward for at in (interval - 1, interval))
            row = {"run": planned.name, "kind": planned.kind, "seed": planned.seed, "interval": interval}
            for name in ("noise", "task", "model", "temperature"):
                row |= {f"start_{name}": getattr(start, name), f"end_{name}": getattr(end, name)}
            row |= {"score": max(0.0, score), "validation_nll_nats": 3.0 - score / 50}
            rows.append(row | {"sentence_sd": SENTENCE_SD, "sentence_correlation": SENTENCE_CORRELATION})
    return pd.DataFrame(rows)


@cache
def surface() -> Surface:
    """Surface of the recording."""
    return Surface(recording(), ExtraTreesRegressor(30, random_state=0))
