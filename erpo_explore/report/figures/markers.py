"""Markers and labels on a map: trials at one position share a marker, and labels that would overlap share a text.

Many algorithms are at the same corner of the space (mle and data noising at ρ = 0, τ = 1), where one marker per trial
would hide all but the last. Left out: moving markers apart; a marker is at the exact position of its trials.
"""

from typing import Any

import pandas as pd

__all__ = ["group_markers", "join_labels"]


def group_markers(points: pd.DataFrame, coordinates: list[str]) -> pd.DataFrame:
    """Group the trials that share a position, since their markers would hide each other.

    Args:
        points: Result of `map_points`.
        coordinates: Columns that define a position; rows where one is null are left out.

    Returns:
        One row per position: the coordinates, score and objective (the best there), named (whether an algorithm is
        there), names (algorithms there with their best scores, best first) and trials (number of trials).
    """
    kept = points.dropna(subset=coordinates)
    kept = kept[[*coordinates, "trial", "algorithm", "score", "objective"]].sort_values(
        "objective", ascending=False, kind="stable"
    )
    position = kept.groupby([kept[name].round(6) for name in coordinates], sort=False).ngroup()
    named = (
        kept.assign(position=position).dropna(subset="algorithm").drop_duplicates(["position", "algorithm"])
    )  # the best of each algorithm there
    names: dict[int, tuple[tuple[str, float], ...]] = {}
    for row in named[["position", "algorithm", "score"]].to_dict("records"):
        names[row["position"]] = (*names.get(row["position"], ()), (str(row["algorithm"]), float(row["score"])))
    spots = kept.groupby(position)[[*coordinates, "score", "objective"]].head(1).reset_index(drop=True)
    spots["named"] = pd.Series([number in names for number in range(len(spots))], dtype=bool)
    spots["trials"] = kept.groupby(position)["trial"].nunique().to_numpy()
    spots["names"] = pd.Series([names.get(number, ()) for number in range(len(spots))], dtype=object)
    return spots


def join_labels(named: pd.DataFrame, across: str, up: str, reach: tuple[float, float]) -> pd.DataFrame:
    """Join the labels of positions whose texts would overlap.

    Args:
        named: Rows of `group_markers` with names.
        across: Name of the horizontal coordinate.
        up: Name of the vertical coordinate.
        reach: Distances, across and up, within which two texts would overlap.

    Returns:
        One row per text: the row of its best position, with the names of all that were joined to it. An algorithm
        whose seeds are at neighbouring positions is named once, with its best score.
    """
    kept: list[dict[str, Any]] = []
    for row in named.sort_values("objective", ascending=False, kind="stable").to_dict("records"):
        near = (
            label
            for label in kept
            if abs(row[across] - label[across]) < reach[0] and abs(row[up] - label[up]) < reach[1]
        )
        if (label := next(near, None)) is None:
            kept.append({str(name): value for name, value in row.items()})
        else:
            known = {algorithm for algorithm, _ in label["names"]}
            label["names"] += tuple((algorithm, score) for algorithm, score in row["names"] if algorithm not in known)
    return pd.DataFrame(kept, columns=named.columns)
