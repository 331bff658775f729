"""What `study_mle` trains: a base, and rows that each change some of it, one run a row and seed."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError

__all__ = ["STUDIES", "Planned", "asked_of", "load_plan", "plan_of"]

STUDIES: Final = ("multi30k", "synopsis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run.

    Attributes:
        row: Name of its row.
        seed: Of every draw.
        start: Row whose last weights it takes; None for weights drawn anew.
        space: Task, model, budget, and its one algorithm.
    """

    row: str
    seed: int
    start: str | None
    space: Experiment

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.row}-s{self.seed}"

    @property
    def algorithm(self) -> str:
        """What is trained with."""
        (name,) = self.space.algorithms
        return name

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what comes out, as plain values; where the text lies does not."""
        written = self.space.to_dict()
        kept = {name: written[name] for name in ("task", "model", "training", "baselines")}
        kept["task"] = {name: value for name, value in kept["task"].items() if name != "data"}
        return kept | {"seed": self.seed, "start": self.start}


def plan_of(study: str) -> Path:
    """The YAML that lists a study's runs."""
    return Path(__file__).parent / "data" / f"{study}_mle.yaml"


def load_plan(file: Path, data: Path) -> list[Planned]:
    """Every run of a plan, in its order.

    Args:
        file: YAML with `base`, fields of a search space, and `rows`: name → `set`, `seeds` and perhaps `start`.
        data: Folder of the text.

    Raises:
        ConfigError: A row has a field or a setting that is unknown or wrong, or starts from none of the rows.
    """
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    planned = []
    for row, asked in written["rows"].items():
        if unknown := asked.keys() - {"seeds", "set", "start"}:
            raise ConfigError(f"{file}: row {row} has {min(unknown)}, which is unknown; known are seeds, set, start")
        start = asked.get("start")
        if start is not None and start not in written["rows"]:
            raise ConfigError(f"{file}: row {row} starts from {start}, which is none of the rows; name one of them")
        merged = _merged(written["base"], asked.get("set", {}))
        # what is under `baselines` replaces the base's, since a run has one
        merged["baselines"] = asked.get("set", {}).get("baselines", written["base"]["baselines"])
        merged["name"], merged["task"]["data"] = row, str(data)
        space = Experiment.from_dict(merged, origin=f"{file}: row {row}")
        planned += [Planned(row=row, seed=seed, start=start, space=space) for seed in asked["seeds"]]
    return planned


def asked_of(planned: Sequence[Planned], rows: Sequence[str] | None, seeds: Sequence[int] | None) -> list[Planned]:
    """The runs of these rows and seeds; None is all.

    Raises:
        ConfigError: A row is none of the plan's.
    """
    known = {one.row for one in planned}
    if strange := [row for row in rows or () if row not in known]:
        raise ConfigError(f"--only {strange[0]}: the plan has no such row; it has {', '.join(sorted(known))}")
    return [one for one in planned if (not rows or one.row in rows) and (not seeds or one.seed in seeds)]


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with fields changed, at any depth; of another `kind` nothing is kept."""
    merged = copy.deepcopy(base) if changes.get("kind", base.get("kind")) == base.get("kind") else {}
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
