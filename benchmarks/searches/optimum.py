"""Best known path on the surface, the reference for regrets.

    .venv/bin/python -m benchmarks.searches.optimum [--generations 1500]

Differential evolution over all eleven knots, with the budget of some hundred thousand searches. The path was found once
and is stored. Its score is that of the surface and may exceed the score of real training.
"""

import argparse
import json
from pathlib import Path as FilePath
from typing import Final

import numpy as np
from scipy.optimize import differential_evolution

from benchmarks.searches.surface import NEUTRAL_TEMPERATURE, Surface, load_surface, path_coordinates
from benchmarks.searches.surface_paths import INTERVALS, RANGES, knotted, mixed, plan
from erpo_explore.space import Path, Point

__all__ = ["OPTIMUM", "best_score", "known_path"]

OPTIMUM: Final = FilePath(__file__).parent / "data" / "optimum.json"
_NAMES: Final = tuple(RANGES)


def main() -> None:
    """Search, and store the path if it is better than the stored one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=1500, help="generations of the evolution")
    options = parser.parse_args()
    surface = load_surface()
    path = search(surface, options.generations)
    score = final_score(surface, path)
    known = best_score(surface) if OPTIMUM.exists() else float("-inf")
    print(f"found {score:.2f}, known {known:.2f}\n{path}")
    if score > known:
        OPTIMUM.write_text(json.dumps(path.to_dict(), indent=1) + "\n")


def search(surface: Surface, generations: int, *, seed: int = 0) -> Path:
    """Differential evolution that starts from the recorded paths."""
    low_D, high_D = (np.tile(side, INTERVALS + 1) for side in np.asarray([_scaled(RANGES[name]) for name in _NAMES]).T)
    first_PD = np.stack([_vector(planned.path) for planned in plan()])

    def loss(vectors_DP: np.ndarray) -> np.ndarray:
        return -surface.final_scores(_coordinates(vectors_DP.T))

    found = differential_evolution(
        loss, list(zip(low_D, high_D, strict=True)), init=np.clip(first_PD, low_D, high_D), maxiter=generations,
        mutation=(0.3, 0.9), recombination=0.5, strategy="currenttobest1bin", tol=0.0, polish=False, vectorized=True,
        updating="deferred", rng=np.random.default_rng(seed),
    )  # fmt: skip
    return knotted(_points(found.x))


def known_path(file: FilePath = OPTIMUM) -> Path:
    """The stored path."""
    return Path.from_dict(json.loads(file.read_text()))


def best_score(surface: Surface) -> float:
    """True final score of the best known path."""
    return final_score(surface, known_path())


def final_score(surface: Surface, path: Path) -> float:
    """True final score of a path trained from scratch."""
    return float(surface.final_scores(path_coordinates(path)[None])[0])


def _scaled(limits: tuple[float, float]) -> tuple[float, float]:
    """Limits on a linear scale: those of temperatures, the only ones above 0, in their logarithm."""
    low, high = limits
    return (float(np.log(low)), float(np.log(high))) if low > 0.0 else (low, high)


def _coordinates(vectors_PD: np.ndarray) -> np.ndarray:
    """Vectorised `coordinates` of `_points`; shape (P, T + 1, C)."""
    knots_PT4 = vectors_PD.reshape(len(vectors_PD), INTERVALS + 1, len(_NAMES))
    weights_PT3 = knots_PT4[..., :3] / np.maximum(1.0, knots_PT4[..., :3].sum(axis=-1, keepdims=True))
    tilted_PT1 = weights_PT3[..., 1:2] * (knots_PT4[..., 3:] - np.log(NEUTRAL_TEMPERATURE))
    return np.concatenate([weights_PT3, tilted_PT1], axis=-1)


def _points(vector_D: np.ndarray) -> list[Point]:
    knots_T4 = vector_D.reshape(INTERVALS + 1, len(_NAMES))
    return [mixed(*(float(value) for value in knot[:3]), temperature=float(np.exp(knot[3]))) for knot in knots_T4]


def _vector(path: Path) -> np.ndarray:
    points = [path.at(index / INTERVALS).reward for index in range(INTERVALS + 1)]
    return np.asarray([(point.noise, point.task, point.model, np.log(point.temperature)) for point in points]).ravel()


if __name__ == "__main__":
    main()
