"""What one trial is: a value that travels to its worker and into the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erpo_explore.space import Path
from erpo_explore.store.columns import Role

__all__ = ["Role", "TrialSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """One trial.

    Attributes:
        name: Unique name in its exploration; the trial's id in the store.
        role: A named algorithm, a given path, a path of a grid, random or Optuna search, a member of a population, or a
            branch.
        algorithm: Name of the algorithm or path; None where it has none.
        seed: Random seed of the trial.
        path: The path that it trains on; a member's gets one more knot per generation.
    """

    name: str
    role: Role
    algorithm: str | None
    seed: int
    path: Path

    @property
    def is_branch(self) -> bool:
        """Whether it begins with another trial's checkpoint as if it had trained it: same draws, its own path."""
        return self.role == "branch"

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `from_dict(to_dict(s)) == s`."""
        return {
            "name": self.name,
            "role": self.role,
            "algorithm": self.algorithm,
            "seed": self.seed,
            "path": self.path.to_dict(),
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "TrialSpec":
        """Read what `to_dict` wrote."""
        return cls(**{**written, "path": Path.from_dict(written["path"])})
