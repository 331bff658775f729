"""Who cloned whom: the forest of a population, and the way that one set of weights came through it.

A node is a member between two decisions, (trial, generation). Its parent is the member itself one generation before
or, after a clone, the donor as it was then.
"""

import pandas as pd

__all__ = ["ancestry", "forest", "walked"]


def forest(lineage: pd.DataFrame) -> pd.DataFrame:
    """The nodes and, as each one's parent, the edges.

    Args:
        lineage: The lineage table, one row a decision.

    Returns:
        One row a node, by step: trial, generation, step, action, score, donor_score, reason, parent_trial and
        parent_generation (both null for a root).
    """
    nodes = lineage.sort_values(["step", "trial", "generation"], kind="stable")
    nodes = nodes[["trial", "generation", "step", "action", "donor", "score", "donor_score", "reason"]]
    parents = [_parent(nodes, node) for _, node in nodes.iterrows()]
    nodes = nodes.drop(columns="donor").reset_index(drop=True)
    nodes["parent_trial"] = pd.Series([None if parent is None else parent[0] for parent in parents], dtype="str")
    nodes["parent_generation"] = pd.Series([None if parent is None else parent[1] for parent in parents], dtype="Int64")
    return nodes


def ancestry(nodes: pd.DataFrame, trial: str, generation: int) -> list[tuple[str, int]]:
    """The nodes that lead to one, the root first and the node itself last.

    Args:
        nodes: What `forest` returns.
        trial: Trial of the node.
        generation: Its generation; a node that is not in the forest has no ancestors.
    """
    parents = {
        (row["trial"], row["generation"]): (row["parent_trial"], row["parent_generation"])
        for row in nodes.to_dict("records")
        if pd.notna(row["parent_trial"])
    }
    way = [(trial, generation)]
    while (parent := parents.get(way[-1])) is not None and parent not in way:
        way.append((str(parent[0]), int(parent[1])))
    return way[::-1]


def walked(observations: pd.DataFrame, lineage: pd.DataFrame, trial: str, iteration: int) -> pd.DataFrame:
    """The observations that the weights of one report went through, across clones, the first step first.

    Args:
        observations: The observations table.
        lineage: The lineage table; may be empty, as for a fixed point.
        trial: Trial of the report.
        iteration: Number of the report, the last one of the way.

    Returns:
        Rows of `observations`. Steps rise strictly: what a donor did after it was cloned is not part of the way.
    """
    own = observations[(observations["trial"] == trial) & (observations["iteration"] <= iteration)]
    last = own[own["iteration"] == iteration].iloc[0]
    if lineage.empty or trial not in set(lineage["trial"]):
        return own.sort_values("iteration", kind="stable", ignore_index=True)
    way = ancestry(forest(lineage), trial, int(last["generation"]))
    pieces: list[pd.DataFrame] = []
    limit = int(last["step"]) + 1
    for node_trial, generation in reversed(way):
        rows = own if node_trial == trial else observations[observations["trial"] == node_trial]
        rows = rows[(rows["generation"] == generation) & (rows["step"] < limit)].sort_values("step", kind="stable")
        if not rows.empty:
            pieces.append(rows)
            limit = int(rows["step"].iloc[0])
    return pd.concat(pieces[::-1] or [own], ignore_index=True)


def _parent(nodes: pd.DataFrame, node: pd.Series) -> tuple[str, int] | None:
    """The node that another one's weights came from; None for a root."""
    if node["action"] == "start":
        return None
    origin = node["donor"] if node["action"] == "clone" else node["trial"]
    before = nodes[(nodes["trial"] == origin) & (nodes["step"] < node["step"])]
    if before.empty:
        return None
    return str(origin), int(before["generation"].max())
