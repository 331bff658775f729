"""The map of the space, coloured by score: the simplex of rewards, and the plane of trust and temperature."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from erpo_explore.atlas.places import place_labels, places
from erpo_explore.atlas.surface import map_points
from erpo_explore.atlas.theme import LABEL_FONT, LABEL_GAP, OUTLINE, SCORE_BAR, decade_ticks, score_marker

__all__ = ["simplex_map", "temperature_map"]

CORNERS = ["model", "truth", "task_noise"]
NEARLY_ALL = 0.999  # a share from which a place counts as the corner itself, and its names join the corner's
LINE_PX = 16  # height of a line of a corner's names
INFINITY_GAP = 0.6  # decades between the highest finite temperature and the place of an infinite one


def simplex_map(observations: pd.DataFrame) -> go.Figure:
    """The reward's weights on a triangle: truth, task and noise together, model.

    Args:
        observations: The observations table. Points whose reward is constant have no direction and are not shown.

    Returns:
        Small markers are reports on the way, large ones the best of each trial; named dots are diamonds with labels.
    """
    best, way, span = _points(observations)
    for points in (best, way):
        points["task_noise"] = points["task"] + points["noise"]
    spots = places(best, CORNERS)
    way = way.dropna(subset=CORNERS)
    figure = go.Figure()
    figure.add_scatterternary(
        **_corners(way), mode="markers", hoverinfo="skip", marker=score_marker(way["score"].tolist(), *span, size=5)
    )
    figure.add_scatterternary(**_corners(spots), mode="markers", cliponaxis=False, **_place_style(spots, span))
    at_corner = spots[CORNERS].max(axis=1) > NEARLY_ALL
    texts = place_labels(spots[spots["named"] & ~at_corner], "task_noise", "model", (0.3, 0.12))
    figure.add_scatterternary(
        **_corners(texts),
        mode="markers+text",
        marker=LABEL_GAP,
        text=[_text(names) for names in texts["names"]],
        textposition=["middle right" if share < 0.2 else "top center" for share in texts["task_noise"]],
        textfont=LABEL_FONT,
        hoverinfo="skip",
        cliponaxis=False,
    )
    ticks = {"tickvals": [0.2, 0.4, 0.6, 0.8], "tickformat": ".1f", "ticks": "", "min": 0}
    axes, num_lines = {}, 1
    for axis, name in zip("abc", CORNERS, strict=True):
        here = spots.loc[spots["named"] & (spots[name] > NEARLY_ALL), "names"]
        title = "<br>".join([f"<b>{name.replace('_', ' + ')}</b>", *(_text(names) for names in here)])
        num_lines = max(num_lines, title.count("<br>") + 1)
        axes[f"{axis}axis"] = {"title": {"text": title, "font": {"size": 11}}, **ticks}
    figure.update_layout(
        ternary=axes,
        height=430 + LINE_PX * num_lines,
        margin={"l": 80, "r": 80, "t": 100, "b": 40 + LINE_PX * num_lines},
        showlegend=False,
    )
    return figure


def temperature_map(observations: pd.DataFrame) -> go.Figure:
    """Trust in the model, ρ, against the temperature τ on a log axis.

    Args:
        observations: The observations table. An infinite temperature (policy gradient) is drawn above a dotted line, at
            a place of its own that is named ∞, not at a large number.

    Returns:
        Markers as in `simplex_map`.
    """
    best, way, span = _points(observations)
    finite = way.loc[np.isfinite(way["log10_tau"]), "log10_tau"]
    low, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    for points in (best, way):
        points["height"] = points["log10_tau"].where(np.isfinite(points["log10_tau"]), top + INFINITY_GAP)
    spots = places(best, ["rho", "height"])
    figure = go.Figure()
    figure.add_scatter(
        x=way["rho"].tolist(),
        y=way["height"].tolist(),
        mode="markers",
        hoverinfo="skip",
        marker=score_marker(way["score"].tolist(), *span, size=5),
    )
    figure.add_scatter(x=spots["rho"].tolist(), y=spots["height"].tolist(), mode="markers", **_place_style(spots, span))
    has_infinity = bool(np.isinf(way["log10_tau"]).any())
    bottom, ceiling = low - 0.35, top + (INFINITY_GAP if has_infinity else 0.0) + 0.35
    texts = place_labels(spots[spots["named"]], "rho", "height", (0.4, 0.12 * (ceiling - bottom)))
    figure.add_scatter(
        x=texts["rho"].tolist(),
        y=texts["height"].tolist(),
        mode="markers+text",
        marker=LABEL_GAP,
        text=[_text(names) for names in texts["names"]],
        textposition=[_beside(rho) for rho in texts["rho"]],
        textfont=LABEL_FONT,
        hoverinfo="skip",
    )
    ticks = decade_ticks(bottom, top + 0.35)
    if has_infinity:
        ticks[top + INFINITY_GAP] = "∞"
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
        height=470,
        margin={"l": 50, "r": 20, "t": 70, "b": 50},
        showlegend=False,
    )
    return figure


def _points(observations: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, tuple[float, float]]:
    """Each trial's best, every scored report, and the span of scores that the colours cover."""
    best = map_points(observations)
    return best, map_points(observations, every=True), (float(best["score"].min()), float(best["score"].max()))


def _corners(points: pd.DataFrame) -> dict[str, list[float]]:
    """The three shares under the names that Plotly gives the corners."""
    return {axis: points[name].tolist() for axis, name in zip("abc", CORNERS, strict=True)}


def _place_style(spots: pd.DataFrame, span: tuple[float, float]) -> dict[str, Any]:
    """Marker and hover text of each place."""
    symbols = ["diamond" if named else "circle" for named in spots["named"]]
    hovers = [
        f"best score {score:.2f}<br>{trials} trial{'' if trials == 1 else 's'}<br>{_text(names)}"
        for score, trials, names in zip(spots["score"], spots["trials"], spots["names"], strict=True)
    ]
    marker = score_marker(spots["score"].tolist(), *span, size=13, symbol=symbols, colorbar=SCORE_BAR)
    return {"marker": marker, "hovertext": hovers, "hoverinfo": "text"}


def _beside(rho: float) -> str:
    """Where a label lies inside the axes and out of the way of those of other ρ."""
    if rho < 1 / 3:
        return "top right"
    return "bottom center" if rho < 2 / 3 else "top left"


def _text(names: tuple[tuple[str, float], ...]) -> str:
    """Names and scores as Plotly's text, which would read markup in them."""
    return "<br>".join(f"{escape(dot)} {score:.1f}" for dot, score in names)
