"""Lineage of a population: the forest of clones, and the path so far of one set of weights through it.

A node is a member between two decisions, (trial, generation). Its parent is the same member one generation earlier or,
after a clone, the donor at that time.
"""

from bisect import bisect_left

import pandas as pd

__all__ = ["ancestry", "forest", "path_so_far"]


def forest(lineage: pd.DataFrame) -> pd.DataFrame:
    """Build the nodes of a population, each with its parent.

    Args:
        lineage: The lineage table, one row per decision.

    Returns:
        One row per node, sorted by step: trial, generation, step, action, score, donor_score, reason, parent_trial and
        parent_generation (both null for a root).
    """
    nodes = lineage.sort_values(["step", "trial", "generation"], kind="stable")
    nodes = nodes[["trial", "generation", "step", "action", "donor", "score", "donor_score", "reason"]]
    parents = _parents(nodes)
    nodes = nodes.drop(columns="donor").reset_index(drop=True)
    nodes["parent_trial"] = pd.Series([None if parent is None else parent[0] for parent in parents], dtype="str")
    nodes["parent_generation"] = pd.Series([None if parent is None else parent[1] for parent in parents], dtype="Int64")
    return nodes


def ancestry(nodes: pd.DataFrame, trial: str, generation: int) -> list[tuple[str, int]]:
    """Find the nodes that lead to a node, the root first and the node itself last.

    Args:
        nodes: Result of `forest`.
        trial: Trial of the node.
        generation: Generation of the node. A node that is not in the forest has no ancestors.
    """
    parents = {
        (row["trial"], row["generation"]): (row["parent_trial"], row["parent_generation"])
        for row in nodes.to_dict("records")
        if pd.notna(row["parent_trial"])
    }
    found = [(trial, generation)]
    while (parent := parents.get(found[-1])) is not None and parent not in found:
        found.append((str(parent[0]), int(parent[1])))
    return found[::-1]


def path_so_far(observations: pd.DataFrame, lineage: pd.DataFrame, trial: str, iteration: int) -> pd.DataFrame:
    """Collect the observations that the weights of a report went through, across clones, in order of steps.

    Args:
        observations: The observations table.
        lineage: The lineage table; may be empty, as for a fixed point.
        trial: Trial of the report.
        iteration: Number of the report, the last one that is included.

    Returns:
        Rows of `observations`. Steps rise strictly: a donor's reports after it was cloned are not included.
    """
    own = observations[(observations["trial"] == trial) & (observations["iteration"] <= iteration)]
    last = own[own["iteration"] == iteration].iloc[0]
    if lineage.empty or trial not in set(lineage["trial"]):
        return own.sort_values("iteration", kind="stable", ignore_index=True)
    nodes = ancestry(forest(lineage), trial, int(last["generation"]))
    pieces: list[pd.DataFrame] = []
    limit = int(last["step"]) + 1
    for node_trial, generation in reversed(nodes):
        rows = own if node_trial == trial else observations[observations["trial"] == node_trial]
        rows = rows[(rows["generation"] == generation) & (rows["step"] < limit)].sort_values("step", kind="stable")
        if not rows.empty:
            pieces.append(rows)
            limit = int(rows["step"].iloc[0])
    return pd.concat(pieces[::-1] or [own], ignore_index=True)


def _parents(nodes: pd.DataFrame) -> list[tuple[str, int] | None]:
    """For each node the one that its weights came from; None for a root, or where that node is unknown."""
    steps: dict[str, list[int]] = {}
    highest: dict[str, list[int]] = {}  # generation that a trial has reached by each step
    for trial, rows in nodes.groupby("trial"):
        steps[str(trial)] = rows["step"].tolist()
        highest[str(trial)] = rows["generation"].cummax().tolist()
    parents: list[tuple[str, int] | None] = []
    for row in nodes[["trial", "donor", "action", "step"]].to_dict("records"):
        origin = row["donor"] if row["action"] == "clone" else row["trial"]
        before = bisect_left(steps.get(origin, []), row["step"])  # number of earlier nodes of the origin
        if row["action"] == "clone" and origin is not None and origin not in steps:
            parents.append((origin, 0))  # a baseline, which has no decisions
        elif row["action"] == "start" or before == 0:
            parents.append(None)
        else:
            parents.append((origin, highest[origin][before - 1]))
    return parents
