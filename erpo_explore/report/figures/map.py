"""Maps of the space, coloured by score: the simplex of reward weights, and the plane of trust and temperature."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from erpo_explore.analysis.curves import thinned
from erpo_explore.analysis.landscape import map_snapshots, simplex_surface, temperature_surface
from erpo_explore.analysis.simplex import CORNERS, corner_of
from erpo_explore.report.figures.markers import group_markers, join_labels
from erpo_explore.report.figures.slider import SLIDER_PX, add_slider, add_switch
from erpo_explore.report.figures.surface_traces import AXES, ScoreSpan, Trace, cell_traces, contour_traces, score_span
from erpo_explore.report.figures.theme import LABEL_FONT, LABEL_GAP, OUTLINE, decade_ticks, score_marker
from erpo_explore.report.figures.trajectories import BEST_TRAJECTORY_STYLE, TRAJECTORY_STYLE, trajectories, trajectory

__all__ = ["simplex_map", "temperature_map"]

NEARLY_ALL: Final = 0.999  # from this share on, a position counts as the corner, and its names join the corner's title
LINE_PX: Final = 16  # height of a line of a corner's names
MAX_NAMES: Final = 6  # per position
MAX_MARKS: Final = 300
INFINITY_GAP: Final = 0.6  # decades between the highest finite temperature and the position of an infinite one

Projection = Callable[[pd.DataFrame], Trace]
"""Maps rows of `map_points` to a figure's axes."""


def simplex_map(observations: pd.DataFrame, best_path_rows: pd.DataFrame | None = None) -> go.Figure:
    """Draw the reward weights on a triangle: truth, task and noise together, model.

    Args:
        observations: The observations table. Points whose reward is constant have no direction and are not shown.
        best_path_rows: Observations of the best weights, as `lineage.path_so_far` returns them; drawn thick.

    Returns:
        The background is the expected score, blank where no trial is near. Markers are trials at the slider's step;
        named algorithms are diamonds with labels. Lines are the trajectories of trials. Where all trials lie near one
        corner, the triangle is that corner.
    """
    snapshots = map_snapshots(observations)
    low_3 = corner_of(trajectory(observations)[list(CORNERS)].to_numpy())
    surface = simplex_surface(snapshots, low_3)
    below = {
        step: cell_traces(surface[surface["step"] == step], score_span(points), low_3)
        for step, points in snapshots.items()
    }
    above = {step: _simplex_marks(points, low_3) for step, points in snapshots.items()}
    axes, num_lines = _corner_titles(group_markers(pd.concat(snapshots.values()), list(CORNERS)), low_3)
    figure = _with_slider(
        below, _trajectory_traces(observations, best_path_rows, _on_triangle), above, 15 + LINE_PX * num_lines
    )
    if surface["known"].any():
        _add_uncertainty_switch(figure, len(below[max(below)]))
    figure.update_layout(
        ternary=axes,
        height=490 + LINE_PX * num_lines + (SLIDER_PX if len(snapshots) > 1 else 0),
        margin={"l": 75, "r": 75, "t": 110, "b": 40 + LINE_PX * num_lines},
        showlegend=False,
    )
    return figure


def temperature_map(observations: pd.DataFrame, best_path_rows: pd.DataFrame | None = None) -> go.Figure:
    """Draw trust in the model, ρ, against the temperature τ on a log axis.

    Args:
        observations: The observations table. An infinite temperature (policy gradient) is drawn above a dotted line, at
            a position labelled ∞, not at a large number.
        best_path_rows: As in `simplex_map`.

    Returns:
        Surface, markers and lines as in `simplex_map`.
    """
    snapshots = map_snapshots(observations)
    surface = temperature_surface(snapshots)
    heights = pd.concat([points["log10_tau"] for points in snapshots.values()])
    finite = heights[np.isfinite(heights)]
    low, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    has_infinity, infinity = bool(np.isinf(heights).any()), top + INFINITY_GAP
    bottom, ceiling = low - 0.35, (infinity if has_infinity else top) + 0.35

    def on_plane(points: pd.DataFrame) -> Trace:
        up = points["log10_tau"].astype(float)
        up = up.where(~np.isposinf(up), infinity)
        return {"type": "scatter", "x": points["rho"].round(4).tolist(), "y": up.round(4).tolist()}

    below = {
        step: contour_traces(surface[surface["step"] == step], score_span(points)) for step, points in snapshots.items()
    }
    above = {step: _plane_marks(points, on_plane, infinity, ceiling - bottom) for step, points in snapshots.items()}
    figure = _with_slider(below, _trajectory_traces(observations, best_path_rows, on_plane), above, 65)
    if surface["known"].any():
        _add_uncertainty_switch(figure, len(below[max(below)]))
    ticks = decade_ticks(bottom, top + 0.35)
    if has_infinity:
        ticks[infinity] = "∞"
        figure.add_hline(y=top + INFINITY_GAP / 2 + 0.05, line={"dash": "dot", "width": 1, "color": OUTLINE})
    figure.update_layout(
        xaxis={"title": {"text": "ρ, trust in the model"}, "range": [-0.06, 1.06], "zeroline": False},
        yaxis={
            "title": {"text": "τ, temperature"},
            "range": [bottom, ceiling],
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "zeroline": False,
        },
        height=540 + (SLIDER_PX if len(snapshots) > 1 else 0),
        margin={"l": 50, "r": 20, "t": 110, "b": 50},
        showlegend=False,
    )
    return figure


def _marked(points: pd.DataFrame) -> pd.DataFrame:
    """Trials with a marker: all named ones, and 300 others, evenly over ranks; more would hide the surface."""
    searched = points["algorithm"].isna()
    shown = thinned(points[searched].sort_values("objective", kind="stable"), MAX_MARKS)
    return pd.concat([points[~searched], shown], ignore_index=True)


def _with_slider(
    below: dict[int, list[Trace]], between: Sequence[Trace], above: dict[int, list[Trace]], gap_px: int
) -> go.Figure:
    """The last snapshot, with a slider: surfaces below, then trajectories, markers and labels on top."""
    last = list(below)[-1]
    num_below, num_above = len(below[last]), len(above[last])
    figure = go.Figure([*below[last], *between, *above[last]])
    tops = [num_below + len(between) + at for at in range(num_above)]
    add_slider(figure, {step: [*below[step], *above[step]] for step in below}, [*range(num_below), *tops], gap_px)
    return figure


def _add_uncertainty_switch(figure: go.Figure, num_below: int) -> None:
    """Buttons for the two halves of the traces below: score and uncertainty."""
    add_switch(figure, range(num_below // 2), range(num_below // 2, num_below))


def _trajectory_traces(
    observations: pd.DataFrame, best_path_rows: pd.DataFrame | None, project: Projection
) -> list[Trace]:
    """Trajectories of trials that moved, thin, and that of the best weights, thick."""
    lines = [(trajectories(observations), TRAJECTORY_STYLE)]
    if best_path_rows is not None:
        lines.append((trajectory(best_path_rows), BEST_TRAJECTORY_STYLE))
    return [project(points) | {"mode": "lines", "hoverinfo": "skip", "line": style} for points, style in lines]


def _on_triangle(points: pd.DataFrame) -> Trace:
    """The three shares under Plotly's names of the corners."""
    return {"type": "scatterternary"} | {axis: points[name].round(4).tolist() for axis, name in AXES.items()}


def _simplex_marks(points: pd.DataFrame, low_3: Float[np.ndarray, " 3"]) -> list[Trace]:
    """Markers and labels of a snapshot; names at a corner are in the corner's title."""
    spots = group_markers(_marked(points), list(CORNERS))
    at_corner = spots[list(CORNERS)].max(axis=1) > NEARLY_ALL
    side, left = 1.0 - low_3.sum(), low_3[CORNERS.index("task_noise")]
    texts = join_labels(spots[spots["named"] & ~at_corner], "task_noise", "model", (0.3 * side, 0.12 * side))
    beside = ["middle right" if share - left < 0.2 * side else "top center" for share in texts["task_noise"]]
    return [
        _on_triangle(spots) | {"mode": "markers", "cliponaxis": False} | _marker_style(spots, score_span(points)),
        _on_triangle(texts) | {"cliponaxis": False} | _label_style(texts, beside),
    ]


def _plane_marks(points: pd.DataFrame, on_plane: Projection, infinity: float, height: float) -> list[Trace]:
    """Markers and labels of a snapshot."""
    marked = _marked(points)
    marked["height"] = marked["log10_tau"].clip(upper=infinity)
    spots = group_markers(marked, ["rho", "log10_tau", "height"])
    texts = join_labels(spots[spots["named"]], "rho", "height", (0.4, 0.12 * height))
    return [
        on_plane(spots) | {"mode": "markers"} | _marker_style(spots, score_span(points)),
        on_plane(texts) | _label_style(texts, [_beside(rho) for rho in texts["rho"]]),
    ]


def _corner_titles(spots: pd.DataFrame, low_3: Float[np.ndarray, " 3"]) -> tuple[dict[str, Any], int]:
    """Ternary axes with the names of the algorithms at their corners, and the number of lines of the longest title."""
    side = 1.0 - low_3.sum()
    axes, num_lines = {}, 1
    for (axis, name), low in zip(AXES.items(), low_3.tolist(), strict=True):
        ticks = {
            "tickvals": [round(low + side * part, 3) for part in (0.2, 0.4, 0.6, 0.8)],
            "tickformat": ".1f" if side == 1.0 else ".2f",
            "ticks": "",
            "min": low,
        }
        here = spots.loc[spots["named"] & (spots[name] > NEARLY_ALL), "names"]
        title = "<br>".join([f"<b>{name.replace('_', ' + ')}</b>", *(_text(names) for names in here)])
        num_lines = max(num_lines, title.count("<br>") + 1)
        axes[f"{axis}axis"] = {"title": {"text": title, "font": {"size": 11}}, **ticks}
    return axes, num_lines


def _marker_style(spots: pd.DataFrame, span: ScoreSpan) -> Trace:
    """Marker and hover text of each position."""
    symbols = ["diamond" if named else "circle" for named in spots["named"]]
    sizes = [13 if named else 9 for named in spots["named"]]
    hovers = [
        f"score {score:.2f}<br>{trials} trial{'' if trials == 1 else 's'}<br>{_text(names)}"
        for score, trials, names in zip(spots["score"], spots["trials"], spots["names"], strict=True)
    ]
    style: dict[str, Any] = {"size": sizes, "symbol": symbols, "opacity": 1, "higher_is_better": span.higher_is_better}
    marker = score_marker(spots["score"].round(3).tolist(), span.low, span.high, **style)
    marker["line"] = {"color": "#ffffff", "width": 1.2}  # contrast with the background
    return {"marker": marker, "hovertext": hovers, "hoverinfo": "text"}


def _label_style(texts: pd.DataFrame, beside: list[str]) -> Trace:
    """Labels at their positions."""
    return {
        "mode": "markers+text",
        "marker": LABEL_GAP,
        "text": [_text(names) for names in texts["names"]],
        "textposition": beside,
        "textfont": LABEL_FONT,
        "hoverinfo": "skip",
    }


def _beside(rho: float) -> str:
    """Position of a label: inside the axes, and clear of labels at other ρ."""
    if rho < 1 / 3:
        return "top right"
    return "bottom center" if rho < 2 / 3 else "top left"


def _text(names: tuple[tuple[str, float], ...]) -> str:
    """The best names and scores, escaped: Plotly reads markup in text."""
    lines = [f"{escape(algorithm)} {score:.1f}" for algorithm, score in names[:MAX_NAMES]]
    return "<br>".join([*lines, f"and {len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else lines)
