"""What a search by branches tried, what it dropped, and what its model believes.

The driver writes what the model believes into the field `handover` of `exploration.yaml`. The scores of the runs are in
the table `observations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from erpo_explore.search.handover import TAIL
from erpo_explore.store.columns import BROKEN

__all__ = ["BranchSearch", "branch_table", "candidate_table", "effect_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchSearch:
    """The field `handover` of a search by branches, as far as figures need it.

    Attributes:
        algorithms: Names of the algorithms, maximum likelihood first.
        ends: Number of the report that ends each phase.
        handed: Name of the path that is handed over.
        leader: Name of the most promising path.
        num_ended: Number of whole runs that the model has seen.
        paths: Plain values of each path that has a run, leads, or is maximum likelihood.
        effects: Plain values of the effects, a row per phase.
    """

    algorithms: tuple[str, ...]
    ends: tuple[int, ...]
    handed: str
    leader: str
    num_ended: int
    paths: tuple[Mapping[str, Any], ...]
    effects: Mapping[str, Any]

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "BranchSearch | None":
        """Read `exploration.yaml`; None where no search by branches has written what it believes."""
        written = manifest.get("handover")
        if not isinstance(written, Mapping) or not written.get("paths"):
            return None
        return cls(
            algorithms=tuple(written["algorithms"]),
            ends=tuple(written["ends"]),
            handed=written["name"],
            leader=written["leader"]["name"],
            num_ended=written["num_ended"],
            paths=tuple(written["paths"]),
            effects=written["effects"],
        )

    @property
    def num_phases(self) -> int:
        """Phases of a whole path."""
        return len(self.ends)

    @property
    def reference(self) -> str:
        """Name of the path of maximum likelihood alone."""
        return self.algorithms[0]

    @property
    def num_tried(self) -> int:
        """Number of paths that have a run."""
        return sum(bool(row["trials"]) for row in self.paths)

    @property
    def num_dropped(self) -> int:
        """Number of paths with a run that are dropped."""
        return sum(row["dropped_after"] is not None for row in self.paths if row["trials"])


def candidate_table(search: BranchSearch, observations: pd.DataFrame) -> pd.DataFrame:
    """The paths of a search, the most promising first.

    Args:
        search: What the search believes.
        observations: The observations table.

    Returns:
        One row per path: name, is_handed, is_reference, seeds and scores (of the runs that have ended, in the same
        order), score (expected) with low and high, gain (expected, over maximum likelihood; more is better) with
        gain_low and gain_high, chance (to be better than the leader; null for it), and dropped_after (ended runs after
        which the chance fell below 5 %; null where it did not).
    """
    last = observations[(observations["iteration"] == search.ends[-1]) & observations["score"].notna()]
    last = last[~last["status"].isin(BROKEN)]
    seeds, scores = (dict(zip(last["trial"], last[name], strict=True)) for name in ("seed", "score"))
    rows = []
    for path in search.paths:
        ended = [trial for trial in path["trials"] if trial in scores]
        gain, half = path["gain"]["mean"], TAIL * path["gain"]["deviation"]
        rows.append(
            {
                "name": path["name"],
                "is_handed": path["name"] == search.handed,
                "is_reference": path["name"] == search.reference,
                "seeds": [int(seeds[trial]) for trial in ended],
                "scores": [float(scores[trial]) for trial in ended],
                "score": path["score"],
                "low": path["score"] - TAIL * path["deviation"],
                "high": path["score"] + TAIL * path["deviation"],
                "gain": gain,
                "gain_low": gain - half,
                "gain_high": gain + half,
                "chance": path["chance"],
                "dropped_after": path["dropped_after"],
            }
        )
    table = pd.DataFrame(rows).sort_values("gain", ascending=False, kind="stable", ignore_index=True)
    return table.astype({"chance": "Float64", "dropped_after": "Int64"})


def effect_table(search: BranchSearch) -> pd.DataFrame:
    """Effects of places as the model sees them.

    Returns:
        One row per algorithm but maximum likelihood, and phase: algorithm, phase (from 1 on), mean and deviation of the
        gain at the end, where the algorithm trains that phase alone in place of maximum likelihood.
    """
    return pd.DataFrame(
        [
            {
                "algorithm": algorithm,
                "phase": phase + 1,
                "mean": search.effects["mean"][phase][letter],
                "deviation": search.effects["deviation"][phase][letter],
            }
            for letter, algorithm in enumerate(search.algorithms)
            if letter > 0
            for phase in range(search.num_phases)
        ],
        columns=["algorithm", "phase", "mean", "deviation"],
    )


def branch_table(search: BranchSearch, observations: pd.DataFrame, lineage: pd.DataFrame) -> pd.DataFrame:
    """The tree of branches: every trial that the search learns from, each below the one that it began with.

    Args:
        search: What the search believes.
        observations: The observations table.
        lineage: The lineage table.

    Returns:
        One row per trial with a report, depth first: trial, seed, name and letters (of its whole path), start (phases
        that it took over), end (its last whole phase, as far as it has come), donor (null for the initial weights),
        reason, score (of its last report; null where it diverged or failed) and status.
    """
    paths = {trial: row for row in search.paths for trial in row["trials"]}
    begun = lineage.set_index("trial")[["donor", "generation", "reason"]].to_dict("index")
    last = observations.sort_values("iteration", kind="stable").groupby("trial", sort=False).tail(1)
    rows: dict[str, dict[str, Any]] = {}
    for report in last.to_dict("records"):
        trial = str(report["trial"])
        if trial not in paths:
            continue
        origin = begun.get(trial, {"donor": None, "generation": 0, "reason": "a baseline"})
        is_whole = pd.notna(report["score"]) and report["status"] not in BROKEN
        rows[trial] = {
            "trial": trial,
            "seed": int(report["seed"]),
            "name": paths[trial]["name"],
            "letters": tuple(paths[trial]["letters"]),
            "start": sum(end <= origin["generation"] for end in search.ends),
            "end": sum(end <= report["iteration"] for end in search.ends),
            "donor": origin["donor"] if pd.notna(origin["donor"]) else None,
            "reason": str(origin["reason"]).partition(": ")[0],
            "score": float(report["score"]) if is_whole else None,
            "status": report["status"],
        }
    order = {trial: number for number, trial in enumerate(trial for row in search.paths for trial in row["trials"])}
    ordered = sorted(rows, key=lambda trial: (rows[trial]["seed"], rows[trial]["start"], order[trial]))
    columns = ["trial", "seed", "name", "letters", "start", "end", "donor", "reason", "score", "status"]
    table = pd.DataFrame([rows[trial] for trial in _depth_first(ordered, rows)], columns=columns)
    return table.astype({"score": "Float64"})


def _depth_first(ordered: list[str], rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Trials, each followed by those that began with its checkpoints, the latest beginning first."""
    children: dict[str | None, list[str]] = {}
    for trial in ordered:
        donor = rows[trial]["donor"]
        children.setdefault(donor if donor in rows else None, []).append(trial)
    found: list[str] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        trial = waiting.pop()
        found.append(trial)
        # those that leave last stand next to it, so that no line crosses another
        waiting += children.get(trial, [])
    return found
