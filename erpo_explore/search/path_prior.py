"""What is believed of paths before anything is trained: scales, and gains that earlier tables have shown.

The gain of a path over the reference has the prior

    κ Σ_s w_s(x_s) + f(x),        κ ~ N(½, ½²),

with w_s(a) the gain of algorithm a at place s in earlier tables and f of `path_kernel`. κ is how much of it carries
over to this task. It is learned with the rest, and where nothing carries over, f has the last word. A checkpoint after
t phases has the sum of its t places.

Earlier results are a few runs, mostly of other paths than one needs. With d_i the gain of run i over the reference of
its seed, `shrunken_gains` finds

    w = argmin Σ_i (d_i − Σ_s w_s(x_i,s))² + (2 Q σ_luck² / σ_place²) Σ w²,

the expectation of w given the d_i, as 2 Q σ_luck² is the variance of the luck in a difference of two runs. What was
never trained has the gain 0. A loss is clipped as `path_model` clips it.

Left out: that runs of a seed share the luck of its reference.

Legend: N rows, Q phases, A algorithms, F algorithms at places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int

from erpo_explore.errors import ConfigError
from erpo_explore.search.path_kernel import Scales
from erpo_explore.search.phases import Letters, Phases, letters_array

__all__ = ["CLIP", "KEPT", "PathPrior", "place_gains", "shrunken_gains"]

KEPT: Final = 0.5
"""Mean and standard deviation of κ."""

CLIP: Final = 5.0
"""Largest loss at the end that counts as such, in σ_place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPrior:
    """The prior of a search.

    Attributes:
        scales: Centre of the prior of the scales.
        gains: w, a row per phase with a gain per algorithm, in points of the objective; empty for none.
    """

    scales: Scales = field(default_factory=Scales)
    gains: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if len({len(row) for row in self.gains}) > 1:
            raise ConfigError(f"prior.gains must have a gain per algorithm in each row, got {self.gains}")

    def expected(self, letters_NQ: Int[np.ndarray, "N Q"]) -> Float[np.ndarray, " N"]:
        """Σ_s w_s(x_s) of rows of letters, −1 after the last phase.

        Raises:
            ConfigError: The gains have another number of phases or algorithms.
        """
        if not self.gains:
            return np.zeros(len(letters_NQ))
        gain_QA = np.array(self.gains)
        if gain_QA.shape[0] != letters_NQ.shape[1] or letters_NQ.max() >= gain_QA.shape[1]:
            raise ConfigError(
                f"prior.gains must have a row for each of {letters_NQ.shape[1]} phases and a gain for each algorithm, "
                f"got {gain_QA.shape[0]} rows of {gain_QA.shape[1]}"
            )
        gain_NQ = np.where(letters_NQ >= 0, gain_QA[np.arange(len(gain_QA)), letters_NQ], 0.0)
        return np.asarray(gain_NQ.sum(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `from_dict(to_dict(p)) == p`."""
        return {"scales": asdict(self.scales), "gains": [list(row) for row in self.gains]}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "PathPrior":
        """Read what `to_dict` wrote."""
        return cls(scales=Scales(**written["scales"]), gains=tuple(map(tuple, written["gains"])))


def place_gains(phases: Phases, objectives: Mapping[Letters, float]) -> tuple[tuple[float, ...], ...]:
    """Gains of each algorithm at each place over the reference there, by least squares over whole paths.

    Args:
        phases: The space of paths.
        objectives: Objective of whole paths, such as means over seeds.

    Raises:
        ConfigError: An algorithm is at a place in none of the paths.
    """
    paths: Sequence[Letters] = list(objectives)
    free = [letter for letter in range(phases.num_algorithms) if letter != phases.reference]
    columns = [(place, letter) for place in range(phases.num_phases) for letter in free]
    design = np.array([[1.0, *(float(path[place] == letter) for place, letter in columns)] for path in paths])
    for (place, letter), count in zip(columns, design[:, 1:].sum(axis=0).tolist(), strict=True):
        if count == 0.0:
            raise ConfigError(f"objectives must have each algorithm at each place, got none of {letter} at {place}")
    solved = np.linalg.lstsq(design, np.array([objectives[path] for path in paths]), rcond=None)[0]
    found = dict(zip(columns, solved[1:].tolist(), strict=True))
    letters = range(phases.num_algorithms)
    return tuple(tuple(found.get((place, letter), 0.0) for letter in letters) for place in range(phases.num_phases))


def shrunken_gains(
    phases: Phases, gains: Sequence[tuple[Letters, float]], scales: Scales | None = None
) -> tuple[tuple[float, ...], ...]:
    """Gains of each algorithm at each place that some runs of earlier results let expect, see the module.

    Args:
        phases: The space of paths.
        gains: Whole paths, each with its gain over the reference of its seed.
        scales: Centre of the prior of the scales. Default: that of `Scales`.
    """
    scales = scales or Scales()
    letters_NQ = letters_array([letters for letters, _ in gains], phases.num_phases)
    present_NQA = (letters_NQ[..., None] == np.arange(phases.num_algorithms)).astype(np.float64)
    present_NQA[..., phases.reference] = 0.0
    design_NF = present_NQA.reshape(len(gains), -1)
    gain_N = np.maximum([gain for _, gain in gains], -CLIP * scales.effect)
    penalty = 2.0 * phases.num_phases * scales.luck**2 / scales.effect**2
    normal_FF = design_NF.T @ design_NF + penalty * np.eye(design_NF.shape[1])
    solved_QA = np.linalg.solve(normal_FF, design_NF.T @ gain_N).reshape(phases.num_phases, -1)
    return tuple(map(tuple, solved_QA.tolist()))
