"""Comparison of trials: score against cost, parallel coordinates, and the importance of coordinates."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from erpo_explore.analysis.importance import Importances
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.trial_table import TITLES
from erpo_explore.report.figures.parallel_axes import Axis, parallel_axes, shown_trials
from erpo_explore.report.figures.surface_traces import score_span
from erpo_explore.report.figures.theme import (
    BEST_COLOR,
    LEGEND_BELOW,
    MEMBER_COLOR,
    OUTLINE,
    score_bar,
    score_marker,
    score_scale,
)

__all__ = ["importance_figure", "parallel_figure", "pareto_figure"]

NUM_COLORS: Final = 8
MAX_MARKS: Final = 1500

Line = tuple[list[int | None], list[float | None]]
"""Axis numbers and heights of a trial's line, with a gap after it."""


def pareto_figure(trials: pd.DataFrame, observations: pd.DataFrame) -> go.Figure:
    """Draw each trial's best score against the seconds it took, and the Pareto front.

    Args:
        trials: Result of `trial_table`.
        observations: The observations table.
    """
    shown, figure = trials.head(MAX_MARKS), go.Figure()
    for is_algorithm, rows in shown.groupby(shown["algorithm"].notna()):
        figure.add_scatter(
            x=rows["elapsed_s"].round(1).tolist(),
            y=rows["score"].round(3).tolist(),
            mode="markers",
            name="named algorithms" if is_algorithm else "searched",
            marker={
                "symbol": "diamond" if is_algorithm else "circle",
                "size": 9 if is_algorithm else 7,
                "color": "#3b82f6" if is_algorithm else MEMBER_COLOR,
            },
            hovertext=[escape(str(trial)) for trial in rows["trial"]],
            hovertemplate="%{hovertext}<br>%{x:.0f} s<br>score %{y:.2f}<extra></extra>",
        )
    front = pareto_set(observations)
    figure.add_scatter(
        x=front["elapsed_s"].tolist(),
        y=front["score"].tolist(),
        mode="lines+markers",
        line={"shape": "hv", "color": BEST_COLOR, "width": 2},
        marker={"symbol": "circle-open", "size": 13, "color": BEST_COLOR, "line": {"width": 2}},
        name="Pareto front",
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={"title": {"text": "seconds of training and evaluation"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "best score"}},
        height=420,
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def parallel_figure(trials: pd.DataFrame) -> go.Figure:
    """Draw trials as lines across the coordinates that differ between them.

    Args:
        trials: Result of `trial_table`; at least one.

    Returns:
        Lines are coloured by score; the best trial's is thick. Plotly's `parcoords` is not used: it needs WebGL, its
        scripts are forbidden by the page's policy, and vector formats cannot hold it.
    """
    shown = shown_trials(trials)
    axes = parallel_axes(shown)
    heights_TA = np.stack([axis.heights for axis in axes], axis=1).round(3)
    lines = [_line(heights_A) for heights_A in heights_TA]
    figure = go.Figure()
    _add_trial_lines(figure, shown, lines)
    figure.add_scatter(
        x=lines[0][0],
        y=lines[0][1],
        mode="lines+markers",
        line={"width": 4, "color": BEST_COLOR},
        name=escape(f"best: {shown['trial'].iloc[0]}"),
        hoverinfo="name",
        showlegend=True,
    )
    _draw_axes(figure, axes)
    return figure


def _add_trial_lines(figure: go.Figure, shown: pd.DataFrame, lines: Sequence[Line]) -> None:
    """All trials as lines, one trace per colour, and the colour bar."""
    low, high, more = score_span(shown)
    shares = ((shown["score"] - low) / (high - low)).clip(0.0, 1.0).to_numpy()
    colors = np.minimum((shares * NUM_COLORS).astype(int), NUM_COLORS - 1)
    names = [escape(f"{row['trial']}: {row['score']:.2f}") for row in shown.to_dict("records")]
    for number in range(NUM_COLORS):
        chosen = np.flatnonzero(colors == number).tolist()
        figure.add_scatter(
            x=[axis for at in chosen for axis in lines[at][0]],
            y=[height for at in chosen for height in lines[at][1]],
            mode="lines+markers",
            line={"width": 1, "color": sample_colorscale(score_scale(more), [(number + 0.5) / NUM_COLORS])[0]},
            marker={"size": 4},
            hovertext=[names[at] for at in chosen for _ in lines[at][0]],
            hoverinfo="text",
            showlegend=False,
        )
    bar = score_marker([low], low, high, higher_is_better=more, colorbar=score_bar("score"), showscale=True)
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=bar, showlegend=False, hoverinfo="skip")


def _draw_axes(figure: go.Figure, axes: Sequence[Axis]) -> None:
    """A vertical line per coordinate with its tick labels, and the layout of the figure."""
    for at, axis in enumerate(axes):
        figure.add_vline(x=at, line={"width": 1, "color": OUTLINE}, layer="below")
        for height, text in axis.ticks.items():
            beyond = {"yanchor": "bottom", "yshift": 5} if height == 1.0 else {"yanchor": "top", "yshift": -5}
            figure.add_annotation(x=at, y=height, text=escape(text), showarrow=False, font={"size": 10}, **beyond)
    figure.update_layout(
        xaxis={
            "tickvals": list(range(len(axes))),
            "ticktext": [axis.title for axis in axes],
            "tickangle": 0 if len(axes) < 8 else -45,
            "range": [-0.4, len(axes) - 0.6],
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={"visible": False, "range": [-0.12, 1.12]},
        height=460,
        margin={"l": 30, "r": 15, "t": 75, "b": 50},
        legend=LEGEND_BELOW,
    )


def _line(heights_A: np.ndarray) -> Line:
    """Axis numbers and heights of a trial's line, without axes on which it has no point, and a gap after it."""
    axes = np.flatnonzero(~np.isnan(heights_A))
    return [*axes.tolist(), None], [*heights_A[axes].tolist(), None]


def importance_figure(found: Importances) -> go.Figure:
    """Draw one bar per coordinate, with its interval.

    Args:
        found: Result of `importances`.
    """
    table = found.table[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=table["importance"].round(4).tolist(),
        y=[TITLES[name] for name in table["coordinate"]],
        orientation="h",
        marker={"color": "#3b82f6"},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (table["high"] - table["importance"]).round(4).tolist(),
            "arrayminus": (table["importance"] - table["low"]).round(4).tolist(),
            "color": OUTLINE,
        },
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        xaxis={"title": {"text": "drop in R² when permuted"}, "zeroline": True},
        yaxis={"automargin": True},
        height=120 + 30 * len(table),
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        bargap=0.4,
    )
    return figure
