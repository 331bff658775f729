"""Places on a map: trials at one place share a marker, and labels that would overlap share a text.

Many algorithms stand on the same corner of the space (mle and data noising at ρ = 0, τ = 1), so a marker a trial would
hide all but the last one drawn. Left out: moving markers apart; a marker stands where its trials were.
"""

from typing import Any

import pandas as pd

__all__ = ["place_labels", "places"]


def places(points: pd.DataFrame, coordinates: list[str]) -> pd.DataFrame:
    """Gather the trials that share a place, since their markers would hide each other.

    Args:
        points: What `map_points` returns.
        coordinates: The columns that make a place; rows where one is null have none and are left out.

    Returns:
        One row a place: the coordinates, score (the best there), named (whether an algorithm is there), names (a
        tuple of the
        baselines there, each with its best score, best first; empty where there is none) and trials (how many).
    """
    kept = points.dropna(subset=coordinates)
    kept = kept[[*coordinates, "trial", "algorithm", "score"]].sort_values("score", ascending=False, kind="stable")
    place = kept.groupby([kept[name].round(6) for name in coordinates], sort=False).ngroup()
    named = (
        kept.assign(place=place).dropna(subset="algorithm").drop_duplicates(["place", "algorithm"])
    )  # the best of each algorithm there
    names: dict[int, tuple[tuple[str, float], ...]] = {}
    for row in named[["place", "algorithm", "score"]].to_dict("records"):
        names[row["place"]] = (*names.get(row["place"], ()), (str(row["algorithm"]), float(row["score"])))
    spots = kept.groupby(place)[[*coordinates, "score"]].head(1).reset_index(drop=True)
    spots["named"] = pd.Series([number in names for number in range(len(spots))], dtype=bool)
    spots["trials"] = kept.groupby(place)["trial"].nunique().to_numpy()
    spots["names"] = pd.Series([names.get(number, ()) for number in range(len(spots))], dtype=object)
    return spots


def place_labels(named: pd.DataFrame, across: str, up: str, reach: tuple[float, float]) -> pd.DataFrame:
    """Join the labels of places that lie so near each other that their texts would overlap.

    Args:
        named: Rows of `places` with names.
        across: The horizontal coordinate.
        up: The vertical one.
        reach: How near, across and up, two texts would overlap.

    Returns:
        One row a text: the row of its best place, with the names of all that were joined to it. An algorithm whose
        seeds ended on neighbouring places is named once, with its best.
    """
    kept: list[dict[str, Any]] = []
    for row in named.sort_values("score", ascending=False, kind="stable").to_dict("records"):
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
