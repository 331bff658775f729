"""The population over training: one lane per member, one marker per decision, one arrow per clone."""

import re
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from erpo_explore.analysis.lineage import ancestry, forest
from erpo_explore.report.figures.theme import (
    BEST_COLOR,
    LEGEND_BELOW,
    MEMBER_COLOR,
    OUTLINE,
    score_bar,
    score_marker,
)

__all__ = ["lineage_figure", "short_names"]

LANE_PX = 34
MARGIN_PX = 240  # colour bar, axis with its title, and the legend below
MIN_LANE_PX = 10
MAX_HEIGHT_PX = 1600
MAX_NODES = 2000  # a browser takes seconds to draw more

Positions = dict[tuple[str, int], tuple[int, int]]
"""Step and lane of each node."""


def lineage_figure(
    lineage: pd.DataFrame, best: tuple[str, int] | None = None, *, higher_is_better: bool = True
) -> go.Figure:
    """Draw the lineage of a population.

    Args:
        lineage: The lineage table; at least one row.
        best: The best node, (trial, generation), whose ancestry is drawn thick; None for none.
        higher_is_better: Direction of the score: the best has the brightest colour.

    Returns:
        Markers are decisions, coloured by the member's score at that step. Arrows are clones and end at the member
        that was replaced. Members are ordered by name, the first on top. Of more than 2,000 decisions, the ancestry of
        the best and the clones are kept first, then the latest.
    """
    nodes = forest(lineage)
    ancestors = set() if best is None else set(ancestry(nodes, *best))
    nodes = _shown(nodes, ancestors)
    members = sorted(nodes["trial"].unique(), key=_naturally)
    lanes = {trial: len(members) - 1 - index for index, trial in enumerate(members)}
    positions = {(row["trial"], row["generation"]): (row["step"], lanes[row["trial"]]) for row in _records(nodes)}
    figure = go.Figure()
    _add_edges(figure, nodes, positions, ancestors)
    _add_arrows(figure, nodes, positions, higher_is_better)
    _add_decisions(figure, nodes, lanes, higher_is_better)
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
        height=MARGIN_PX + max(MIN_LANE_PX * len(members), min(LANE_PX * len(members), MAX_HEIGHT_PX)),
        margin={"l": 50, "r": 20, "t": 70, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def short_names(trials: list[str]) -> dict[str, str]:
    """Remove the common prefix of names, so that they fit beside an axis.

    Example:
        >>> short_names(["run_a1_00000", "run_a1_00001"])
        {'run_a1_00000': '00000', 'run_a1_00001': '00001'}
    """
    first, last = min(trials), max(trials)  # the common prefix of these two is common to all
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0)
    cut = max(first.rfind("_", 0, same), first.rfind("-", 0, same)) + 1
    return {trial: trial[cut:] for trial in trials}


def _shown(nodes: pd.DataFrame, ancestors: set[tuple[str, int]]) -> pd.DataFrame:
    """The nodes to draw, at most `MAX_NODES`; a parent that is not drawn, such as a baseline, is null."""
    if len(nodes) > MAX_NODES:
        is_ancestor = [pair in ancestors for pair in zip(nodes["trial"], nodes["generation"], strict=True)]
        rank = (nodes["action"] == "clone").astype(int) + 2 * np.array(is_ancestor, dtype=int)
        kept = pd.DataFrame({"rank": rank, "step": nodes["step"]}).sort_values(["rank", "step"], kind="stable")
        nodes = nodes.loc[np.sort(kept.index[-MAX_NODES:])]
    known = set(zip(nodes["trial"], nodes["generation"], strict=True))
    has_parent = np.array(
        [pair in known for pair in zip(nodes["parent_trial"], nodes["parent_generation"], strict=True)]
    )
    return nodes.assign(parent_trial=nodes["parent_trial"].where(has_parent))


def _naturally(name: str) -> list[tuple[int, str]]:
    """Sort key that puts member-2 before member-10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]


def _add_edges(figure: go.Figure, nodes: pd.DataFrame, positions: Positions, ancestors: set[tuple[str, int]]) -> None:
    """Lines from each node to its parent; those of the best node's ancestry are thick."""
    for name, color, width in (("same weights", MEMBER_COLOR, 1), ("path of the best", BEST_COLOR, 4)):
        across: list[float | None] = []
        up: list[float | None] = []
        for row in _records(nodes[nodes["parent_trial"].notna()]):
            child, parent = (row["trial"], row["generation"]), (row["parent_trial"], row["parent_generation"])
            if parent in positions and (parent in ancestors and child in ancestors) == (width > 1):
                across += [positions[parent][0], positions[child][0], None]
                up += [positions[parent][1], positions[child][1], None]
        if across:
            line = {"color": color, "width": width}
            figure.add_scatter(x=across, y=up, mode="lines", name=name, line=line, hoverinfo="skip")


def _add_decisions(figure: go.Figure, nodes: pd.DataFrame, lanes: dict[str, int], higher_is_better: bool) -> None:
    """A marker for each decision, coloured by the member's score; hollow where it has none."""
    for is_scored, rows in nodes.groupby(nodes["score"].notna()):
        scores = rows["score"].tolist()
        style: dict[str, Any] = {"size": 12, "colorbar": score_bar("score"), "higher_is_better": higher_is_better}
        hollow = {"size": 10, "symbol": "circle-open", "color": OUTLINE}
        figure.add_scatter(
            x=rows["step"].tolist(),
            y=[lanes[trial] for trial in rows["trial"]],
            mode="markers",
            marker=score_marker(scores, *_span(nodes), **style) if is_scored else hollow,
            showlegend=False,
            hovertext=[
                f"{escape(row['trial'])}, generation {row['generation']}: {row['action']}<br>{escape(row['reason'])}"
                for row in _records(rows)
            ],
            hoverinfo="text",
        )


def _add_arrows(figure: go.Figure, nodes: pd.DataFrame, positions: Positions, higher_is_better: bool) -> None:
    """One arrow per clone, from its donor; its head is coloured by the donor's score."""
    clones = _records(nodes[(nodes["action"] == "clone") & nodes["parent_trial"].notna()])
    ends = [
        (positions[row["parent_trial"], row["parent_generation"]], positions[row["trial"], row["generation"]])
        for row in clones
    ]
    if not ends:
        return
    scores = [float(row["donor_score"]) for row in clones]
    heads: dict[str, Any] = {
        "symbol": "arrow",
        "angleref": "previous",
        "standoff": 6,
        "size": [0, 13, 0] * len(clones),
        "opacity": 1,
        "higher_is_better": higher_is_better,
    }
    marker = score_marker([score for score in scores for _ in range(3)], *_span(nodes), **heads)
    figure.add_scatter(
        x=[step for ((start, _), (end, _)) in ends for step in (start, end, None)],
        y=[lane for ((_, start), (_, end)) in ends for lane in (start, end, None)],
        mode="lines+markers",
        line={"color": MEMBER_COLOR, "width": 1},
        marker=marker | {"line": {"width": 0}},
        name="clones",
        hoverinfo="skip",
    )


def _span(nodes: pd.DataFrame) -> tuple[float, float]:
    """Range of scores that colours cover; arbitrary where there is no score."""
    scores = nodes["score"].dropna()
    return (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows as mappings, whose values a type checker leaves untyped."""
    return frame.to_dict("records")
