"""The population over training: a lane a member, a marker a decision, an arrow a clone."""

from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from erpo_explore.atlas.lineage import ancestry, forest
from erpo_explore.atlas.theme import (
    BEST_COLOR,
    LEGEND_BELOW,
    MEMBER_COLOR,
    OUTLINE,
    SCORE_BAR,
    score_color,
    score_marker,
)

__all__ = ["lineage_figure", "short_names"]

LANE_PX = 34
MARGIN_PX = 240  # colour bar, axis, its title and the legend below
ARROW_SHARE = 0.4  # how much of the way from donor to clone the arrow covers; the rest is its line


def lineage_figure(lineage: pd.DataFrame, best: tuple[str, int] | None = None) -> go.Figure:
    """Draw who went on with whose weights.

    Args:
        lineage: The lineage table; at least one row.
        best: The best node, (trial, generation), whose ancestry is drawn thick; None for none.

    Returns:
        Markers are decisions, coloured by the member's score at that step; arrows are clones and end at the member that
        was replaced. Members are ordered by name, the first on top.
    """
    nodes = forest(lineage)
    members = sorted(nodes["trial"].unique())
    lanes = {trial: len(members) - 1 - index for index, trial in enumerate(members)}
    places = {(row["trial"], row["generation"]): (row["step"], lanes[row["trial"]]) for row in _records(nodes)}
    figure = go.Figure()
    _add_edges(figure, nodes, places, set() if best is None else set(ancestry(nodes, *best)))
    _add_decisions(figure, nodes, lanes)
    _add_arrows(figure, nodes, places)
    names = short_names(members)
    last = int(nodes["step"].max())
    figure.update_layout(
        xaxis={"title": {"text": "training step"}, "range": [-0.04 * last - 1, 1.04 * last + 1], "zeroline": False},
        yaxis={
            "tickvals": list(lanes.values()),
            "ticktext": [escape(names[trial]) for trial in lanes],
            "range": [-0.6, len(members) - 0.4],
            "zeroline": False,
        },
        height=MARGIN_PX + LANE_PX * len(members),
        margin={"l": 50, "r": 20, "t": 70, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def short_names(trials: list[str]) -> dict[str, str]:
    """Names without the beginning that all of them share, so that they fit beside an axis.

    Example:
        >>> short_names(["run_a1_00000", "run_a1_00001"])
        {'run_a1_00000': '00000', 'run_a1_00001': '00001'}
    """
    first, last = min(trials), max(trials)  # what these two share, all between them share
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0)
    cut = max(first.rfind("_", 0, same), first.rfind("-", 0, same)) + 1
    return {trial: trial[cut:] for trial in trials}


def _add_edges(
    figure: go.Figure, nodes: pd.DataFrame, places: dict[tuple[str, int], tuple[int, int]], way: set[tuple[str, int]]
) -> None:
    """Lines from each node to its parent; those on the way of the best are thick."""
    for name, color, width in (("weights go on", MEMBER_COLOR, 1), ("way of the best", BEST_COLOR, 4)):
        across: list[float | None] = []
        up: list[float | None] = []
        for row in _records(nodes[nodes["parent_trial"].notna()]):
            child, parent = (row["trial"], row["generation"]), (row["parent_trial"], row["parent_generation"])
            if (parent in way and child in way) == (width > 1):
                across += [places[parent][0], places[child][0], None]
                up += [places[parent][1], places[child][1], None]
        if across:
            line = {"color": color, "width": width}
            figure.add_scatter(x=across, y=up, mode="lines", name=name, line=line, hoverinfo="skip")


def _add_decisions(figure: go.Figure, nodes: pd.DataFrame, lanes: dict[str, int]) -> None:
    """A marker for each decision, coloured by the member's score; hollow where there was none."""
    for is_scored, rows in nodes.groupby(nodes["score"].notna()):
        scores = rows["score"].tolist()
        hollow = {"size": 10, "symbol": "circle-open", "color": OUTLINE}
        span = (min(scores), max(scores))
        figure.add_scatter(
            x=rows["step"].tolist(),
            y=[lanes[trial] for trial in rows["trial"]],
            mode="markers",
            marker=score_marker(scores, *span, size=12, colorbar=SCORE_BAR) if is_scored else hollow,
            showlegend=False,
            hovertext=[
                f"{escape(row['trial'])}, generation {row['generation']}: {row['action']}<br>{escape(row['reason'])}"
                for row in _records(rows)
            ],
            hoverinfo="text",
        )


def _add_arrows(figure: go.Figure, nodes: pd.DataFrame, places: dict[tuple[str, int], tuple[int, int]]) -> None:
    """The head of an arrow on each clone's line, coloured by the donor's score."""
    low, high = nodes["score"].min(), nodes["score"].max()
    for row in _records(nodes[(nodes["action"] == "clone") & nodes["parent_trial"].notna()]):
        step, lane = places[row["trial"], row["generation"]]
        from_step, from_lane = places[row["parent_trial"], row["parent_generation"]]
        figure.add_annotation(
            x=step,
            y=lane,
            ax=step - ARROW_SHARE * (step - from_step),
            ay=lane + ARROW_SHARE * (from_lane - lane),
            xref="x",
            yref="y",
            axref="x",
            ayref="y",
            arrowhead=2,
            arrowsize=1.2,
            arrowwidth=2,
            arrowcolor=score_color(row["donor_score"], low, high),
            standoff=7,
        )


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows as mappings, which a type checker lets us compute with."""
    return frame.to_dict("records")
