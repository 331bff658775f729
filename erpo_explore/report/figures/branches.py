"""A search by branches: candidates with their runs, effects of places, and the tree of branches."""

from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from erpo_explore.analysis.branches import BranchSearch
from erpo_explore.report.figures.theme import ALGORITHM_COLORS, BEST_COLOR, LEGEND_BELOW, MEMBER_COLOR, OUTLINE

__all__ = ["candidates_figure", "effects_figure", "shown_candidates", "tree_figure"]

MAX_CANDIDATES: Final = 40
MAX_BRANCHES: Final = 300
LANE_PX: Final = 24
MIN_LANE_PX: Final = 12
MAX_HEIGHT_PX: Final = 1600
MARGIN_PX: Final = 130
NAME_CHARACTERS: Final = 60
REFERENCE_COLOR: Final = ALGORITHM_COLORS[0]
DIVERGING: Final = "RdBu"


def candidates_figure(candidates: pd.DataFrame, score_name: str) -> go.Figure:
    """Draw each path with its runs, and the model's expectation with its interval.

    Args:
        candidates: Result of `candidate_table`.
        score_name: Name of the score.

    Returns:
        One lane per path, the most promising on top, with the number of its runs. Of more than 40 paths, the best ones,
        and maximum likelihood.
    """
    rows = shown_candidates(candidates)
    figure = go.Figure()
    for is_kind, color, symbol, name in (
        (~rows["is_handed"] & ~rows["is_reference"], OUTLINE, "diamond", "expected, with 95 % interval"),
        (rows["is_reference"] & ~rows["is_handed"], REFERENCE_COLOR, "square", "maximum likelihood"),
        (rows["is_handed"], BEST_COLOR, "star", "handed over"),
    ):
        each = rows[is_kind]
        if each.empty:
            continue
        figure.add_scatter(
            x=each["score"].round(3).tolist(),
            y=each["lane"].tolist(),
            mode="markers",
            marker={"symbol": symbol, "size": 11, "color": color},
            error_x={
                "type": "data",
                "array": (each["high"] - each["score"]).round(3).tolist(),
                "color": color,
                "thickness": 2,
                "width": 4,
            },
            name=name,
            hovertext=[_gain_text(row) for row in each.to_dict("records")],
            hoverinfo="text",
        )
    runs = [(row, number) for row in rows.to_dict("records") for number in range(len(row["scores"]))]
    if runs:
        figure.add_scatter(
            x=[round(row["scores"][number], 3) for row, number in runs],
            y=[row["lane"] for row, _ in runs],
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 10, "color": "#e07b00", "line": {"width": 2}},
            name="score of a run",
            hovertext=[f"seed {row['seeds'][number]}: {row['scores'][number]:.2f}" for row, number in runs],
            hoverinfo="text",
        )
    reference = rows[rows["is_reference"]]
    if len(reference):
        figure.add_vline(
            x=float(reference["score"].iloc[0]), line={"width": 1, "dash": "dot", "color": REFERENCE_COLOR}
        )
    figure.update_layout(
        xaxis={"title": {"text": escape(score_name)}, "zeroline": False},
        yaxis={
            "tickvals": rows["lane"].tolist(),
            "ticktext": [f"{escape(_short(row['name']))}  n = {len(row['scores'])}" for row in rows.to_dict("records")],
            "range": [-0.7, len(rows) - 0.3],
            "zeroline": False,
        },
        height=MARGIN_PX + LANE_PX * len(rows),
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def shown_candidates(candidates: pd.DataFrame) -> pd.DataFrame:
    """The rows that are drawn, with their lanes from the bottom on."""
    is_shown = candidates["is_handed"] | candidates["is_reference"]
    is_shown |= np.arange(len(candidates)) < MAX_CANDIDATES - 2
    rows = candidates[is_shown].reset_index(drop=True)
    return rows.assign(lane=np.arange(len(rows))[::-1])


def effects_figure(effects: pd.DataFrame) -> go.Figure:
    """Draw the effects of places as a heat map.

    Args:
        effects: Result of `effect_table`; at least one row.

    Returns:
        A row per algorithm and a column per phase. Blue cells gain, red ones lose; white is the gain of 0.
    """
    mean_AQ, deviation_AQ = (
        effects.pivot(index="algorithm", columns="phase", values=name).loc[list(dict.fromkeys(effects["algorithm"]))]
        for name in ("mean", "deviation")
    )
    # an effect within noise stays pale
    most = max(0.01, float(mean_AQ.abs().to_numpy().max()), 2.0 * float(deviation_AQ.to_numpy().max()))
    figure = go.Figure(
        go.Heatmap(
            z=mean_AQ.round(4).to_numpy().tolist(),
            x=list(range(1, mean_AQ.shape[1] + 1)),
            y=[escape(str(name)) for name in mean_AQ.index],
            zmin=-most,
            zmax=most,
            colorscale=DIVERGING,
            xgap=2,
            ygap=2,
            text=[
                [f"{mean:+.2f} ± {deviation:.2f}" for mean, deviation in zip(*row, strict=True)]
                for row in zip(mean_AQ.to_numpy(), deviation_AQ.to_numpy(), strict=True)
            ],
            texttemplate="%{text}",
            # the ends of the scale are dark, and its middle is light on both backgrounds
            colorbar={"title": {"text": "gain", "side": "right"}, "thickness": 12},
            hovertemplate="%{y} in phase %{x}: %{text}<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis={"title": {"text": "phase"}, "dtick": 1, "showgrid": False, "zeroline": False},
        yaxis={"autorange": "reversed", "showgrid": False},
        height=MARGIN_PX + max(2, len(mean_AQ)) * 46,
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
    )
    return figure


def tree_figure(branches: pd.DataFrame, search: BranchSearch) -> go.Figure:
    """Draw the tree of branches.

    Args:
        branches: Result of `branch_table`; at least one row.
        search: What the search believes.

    Returns:
        One lane per trial, from the phase that it began with, in the colours of its algorithms. A dotted line leads
        from its donor to its beginning. The score stands at its end. Of more than 300 trials, the first ones in the
        tree.
    """
    rows = branches.head(MAX_BRANCHES).to_dict("records")
    lanes = {row["trial"]: len(rows) - 1 - number for number, row in enumerate(rows)}
    figure = go.Figure()
    _add_beginnings(figure, rows, lanes)
    for letter, algorithm in enumerate(search.algorithms):
        _add_phases(figure, rows, lanes, letter, algorithm)
    handed = [row for row in rows if row["name"] == search.handed]
    figure.add_scatter(
        x=[row["end"] for row in handed],
        y=[lanes[row["trial"]] for row in handed],
        mode="markers",
        marker={"symbol": "star", "size": 12, "color": BEST_COLOR},
        name="handed over",
        hoverinfo="skip",
    )
    ended = [row for row in rows if pd.notna(row["score"])]
    figure.add_scatter(
        x=[row["end"] + 0.06 for row in ended],
        y=[lanes[row["trial"]] for row in ended],
        mode="text",
        text=[f"{row['score']:.2f}" for row in ended],
        textposition="middle right",
        textfont={"size": 10},
        showlegend=False,
        hoverinfo="skip",
    )
    lane_px = max(MIN_LANE_PX, min(LANE_PX, MAX_HEIGHT_PX // max(1, len(rows))))
    figure.update_layout(
        xaxis={
            "title": {"text": "phases trained"},
            "dtick": 1,
            "range": [-0.05, search.num_phases * 1.12],
            "zeroline": False,
        },
        yaxis={
            "tickvals": list(lanes.values()),
            "ticktext": [f"{escape(row['trial'])}, seed {row['seed']}" for row in rows],
            "tickfont": {"size": 11 if lane_px > MIN_LANE_PX else 9},
            "range": [-0.7, len(rows) - 0.3],
            "showgrid": False,
            "zeroline": False,
        },
        height=MARGIN_PX + 30 + lane_px * len(rows),
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def _add_beginnings(figure: go.Figure, rows: list[dict[Any, Any]], lanes: dict[str, int]) -> None:
    """A dotted line from each donor to what began with its checkpoint."""
    begun = [row for row in rows if row["donor"] in lanes]
    if begun:
        figure.add_scatter(
            x=[value for row in begun for value in (row["start"], row["start"], None)],
            y=[value for row in begun for value in (lanes[row["donor"]], lanes[row["trial"]], None)],
            mode="lines",
            line={"color": MEMBER_COLOR, "width": 1, "dash": "dot"},
            name="begins with a checkpoint",
            hoverinfo="skip",
        )


def _add_phases(
    figure: go.Figure, rows: list[dict[Any, Any]], lanes: dict[str, int], letter: int, algorithm: str
) -> None:
    """The phases that trials have trained at one algorithm."""
    trained = [
        (row, phase) for row in rows for phase in range(row["start"], row["end"]) if row["letters"][phase] == letter
    ]
    if trained:
        figure.add_scatter(
            x=[value for _, phase in trained for value in (phase, phase + 1, None)],
            y=[value for row, _ in trained for value in (lanes[row["trial"]], lanes[row["trial"]], None)],
            mode="lines",
            line={"color": ALGORITHM_COLORS[letter % len(ALGORITHM_COLORS)], "width": 6},
            name=escape(algorithm),
            hovertext=[text for row, _ in trained for text in (_branch_text(row),) * 3],
            hoverinfo="text",
        )


def _gain_text(row: dict[Any, Any]) -> str:
    gain = f"gain {row['gain']:+.2f} ({row['gain_low']:+.2f} to {row['gain_high']:+.2f}) over maximum likelihood"
    return f"{escape(row['name'])}<br>expected {row['score']:.2f} ({row['low']:.2f} to {row['high']:.2f})<br>{gain}"


def _branch_text(row: dict[Any, Any]) -> str:
    return f"{escape(row['trial'])}: {escape(row['name'])}<br>{escape(row['reason'])}<br>{escape(str(row['status']))}"


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else f"{name[: NAME_CHARACTERS - 1]}…"
