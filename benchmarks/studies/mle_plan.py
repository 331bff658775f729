"""Plan of `study_mle`: a base experiment and rows that change it, with one run per row and seed."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError

__all__ = ["STUDIES", "PlannedRun", "load_plan", "plan_file", "select_runs"]

STUDIES: Final = ("multi30k", "synopsis")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run.

    Attributes:
        row: Name of its row.
        seed: Random seed.
        start: Row whose last weights it starts from; None for random weights.
        experiment: Task, model, budget, and its single algorithm.
    """

    row: str
    seed: int
    start: str | None
    experiment: Experiment

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.row}-s{self.seed}"

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        (name,) = self.experiment.algorithms
        return name

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that determines the result, as plain values; the location of the text is left out."""
        written = self.experiment.to_dict()
        kept = {name: written[name] for name in ("task", "model", "training", "baselines")}
        kept["task"] = {name: value for name, value in kept["task"].items() if name != "data"}
        return kept | {"seed": self.seed, "start": self.start}


def plan_file(study: str) -> Path:
    """YAML file with the runs of a study."""
    return Path(__file__).parent / "data" / f"{study}_mle.yaml"


def load_plan(file: Path, data: Path) -> list[PlannedRun]:
    """All runs of a plan, in its order.

    Args:
        file: YAML with `base`, the fields of an experiment, and `rows`: name → `seeds`, optionally `set` and `start`.
        data: Folder of the text.

    Raises:
        ConfigError: A row has an unknown field, an invalid setting, or a `start` that is not a row.
    """
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    planned = []
    for row, fields in written["rows"].items():
        if unknown := fields.keys() - {"seeds", "set", "start"}:
            raise ConfigError(f"{file}: row {row} has {min(unknown)}, which is unknown; known are seeds, set, start")
        start = fields.get("start")
        if start is not None and start not in written["rows"]:
            raise ConfigError(f"{file}: row {row} starts from {start}, which is none of the rows; name one of them")
        merged = _merged(written["base"], fields.get("set", {}))
        # the row's `baselines` replace those of the base, because a run has a single algorithm
        merged["baselines"] = fields.get("set", {}).get("baselines", written["base"]["baselines"])
        merged["name"], merged["task"]["data"] = row, str(data)
        experiment = Experiment.from_dict(merged, origin=f"{file}: row {row}")
        planned += [PlannedRun(row=row, seed=seed, start=start, experiment=experiment) for seed in fields["seeds"]]
    return planned


def select_runs(
    planned: Sequence[PlannedRun], rows: Sequence[str] | None, seeds: Sequence[int] | None
) -> list[PlannedRun]:
    """Runs of the given rows and seeds; None selects all.

    Raises:
        ConfigError: A row is not in the plan.
    """
    known = {one.row for one in planned}
    if unknown := [row for row in rows or () if row not in known]:
        raise ConfigError(f"--only {unknown[0]}: the plan has no such row; it has {', '.join(sorted(known))}")
    return [one for one in planned if (not rows or one.row in rows) and (not seeds or one.seed in seeds)]


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with changed fields at any depth; a mapping of another `kind` replaces the base's."""
    merged = copy.deepcopy(base) if changes.get("kind", base.get("kind")) == base.get("kind") else {}
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
