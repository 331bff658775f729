"""A surface as Plotly traces: the expected score, and its uncertainty.

Every function returns the same number of traces for the score and for the uncertainty, the score's first, whatever the
surface contains: a slider replaces traces one by one.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from plotly.colors import sample_colorscale

from erpo_explore.analysis.landscape import GRID, SUBDIVISIONS
from erpo_explore.analysis.points import higher_is_better
from erpo_explore.analysis.simplex import CORNERS, cells, within
from erpo_explore.report.figures.theme import UNCERTAINTY_COLORSCALE, score_bar, score_scale

__all__ = ["ScoreSpan", "Trace", "cell_traces", "contour_traces", "score_span"]

NUM_COLORS: Final = 14
LOW_QUANTILE: Final = 0.1  # a few trials that learned nothing would otherwise use up the colour range
AXES: Final = dict(zip("abc", CORNERS, strict=True))

Trace = dict[str, Any]
"""Arguments of a Plotly trace."""


class ScoreSpan(NamedTuple):
    """Range of scores that colours cover.

    Attributes:
        low: Lowest score.
        high: Highest score.
        higher_is_better: Whether the highest has the brightest colour.
    """

    low: float
    high: float
    higher_is_better: bool = True


def score_span(points: pd.DataFrame) -> ScoreSpan:
    """Range of scores that colours cover at a snapshot: all but the worst tenth.

    Args:
        points: Points of the snapshot, with `score` and `objective`; at least one.
    """
    more, scores = higher_is_better(points), points["score"]
    low = float(scores.quantile(LOW_QUANTILE) if more else scores.min())
    high = float(scores.max() if more else scores.quantile(1.0 - LOW_QUANTILE))
    return ScoreSpan(low, high if high > low else low + 1.0, more)


def contour_traces(surface: pd.DataFrame, span: ScoreSpan) -> list[Trace]:
    """Draw the surface over ρ and log₁₀ τ, blank where it is not known.

    Args:
        surface: Rows of `temperature_surface` of one snapshot; may be empty.
        span: Range of scores that colours cover.
    """
    empty = {"type": "scatter", "x": [None], "y": [None]}
    return [
        _contour(surface, "mean", span, "expected score %{z:.2f} ± %{customdata:.2f}"),
        _bar(empty, "score", span),
        _contour(surface, "sd", _uncertainty_span(surface), "± %{z:.2f} around %{customdata:.2f}"),
        _bar(empty, "sd", _uncertainty_span(surface)),
    ]


def cell_traces(surface: pd.DataFrame, span: ScoreSpan, low_3: Float[np.ndarray, " 3"]) -> list[Trace]:
    """Draw the surface over the simplex as small triangles, blank where it is not known.

    Args:
        surface: Rows of `simplex_surface` of one snapshot; may be empty.
        span: Range of scores that colours cover.
        low_3: Lowest shares of the triangle that is drawn.
    """
    return [
        *_colored_cells(surface, "mean", span, low_3),
        _bar({"type": "scatterternary", "a": [None], "b": [None], "c": [None]}, "score", span),
        *_colored_cells(surface, "sd", _uncertainty_span(surface), low_3),
        _bar({"type": "scatterternary", "a": [None], "b": [None], "c": [None]}, "sd", _uncertainty_span(surface)),
    ]


def _contour(surface: pd.DataFrame, column: str, span: ScoreSpan, hover: str) -> Trace:
    """One contour plot."""
    other = "sd" if column == "mean" else "mean"
    values = surface[column].where(surface["known"].astype(bool))
    return {
        "type": "contour",
        "x": _rounded(surface["rho"][: GRID[0]]),
        "y": _rounded(surface["log10_tau"][:: GRID[0]]),
        "z": _grid(values),
        "customdata": _grid(surface[other]),
        "zmin": span.low,
        "zmax": span.high,
        "colorscale": _scale(column, span),
        "autocontour": False,
        "contours": {"start": span.low, "end": span.high, "size": (span.high - span.low) / NUM_COLORS},
        "line": {"width": 0.5},
        "showscale": False,
        "hoverongaps": False,
        "visible": column == "mean",
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _colored_cells(surface: pd.DataFrame, column: str, span: ScoreSpan, low_3: Float[np.ndarray, " 3"]) -> list[Trace]:
    """One trace per colour with all its triangles, and one invisible trace with a hover text per triangle."""
    known = surface["known"].to_numpy(dtype=bool)
    corners_M33 = within(low_3, cells(SUBDIVISIONS))[known] if len(surface) else np.empty((0, 3, 3))
    values = surface.loc[known, column].to_numpy(dtype=np.float64)
    shares = (values - span.low) / (span.high - span.low)
    colors = np.clip(shares * NUM_COLORS, 0, NUM_COLORS - 1).astype(int)
    traces = []
    for number in range(NUM_COLORS):
        color = str(sample_colorscale(_scale(column, span), [(number + 0.5) / NUM_COLORS])[0])
        traces.append(
            {
                "type": "scatterternary",
                **_outlines(corners_M33[colors == number]),
                "mode": "lines",
                "fill": "toself",
                "fillcolor": color,
                "line": {"width": 0.7, "color": color},  # hides the seams between triangles
                "hoverinfo": "skip",
                "visible": column == "mean",
            }
        )
    middle = {axis: _single(surface.loc[known, name]) for axis, name in AXES.items()}
    numbers = surface.loc[known, ["mean", "sd"]].to_numpy(dtype=np.float32)
    hover = "expected score %{customdata[0]:.2f} ± %{customdata[1]:.2f}<extra></extra>"
    unseen = {"color": "rgba(0,0,0,0)", "size": 12}
    return [
        *traces,
        {
            "type": "scatterternary",
            **middle,
            "mode": "markers",
            "marker": unseen,
            "customdata": numbers,
            "hovertemplate": hover,
            "visible": column == "mean",
        },
    ]


def _outlines(corners_M33: np.ndarray) -> dict[str, np.ndarray]:
    """Closed triangles in sequence, with a gap after each."""
    closed_M53 = np.full((len(corners_M33), 5, 3), np.nan, dtype=np.float32)
    closed_M53[:, :3], closed_M53[:, 3] = corners_M33, corners_M33[:, 0]
    lines = closed_M53.reshape(-1, 3)
    return {axis: lines[:, at] for at, axis in enumerate("abc")}


def _bar(empty_trace: Trace, column: str, span: ScoreSpan) -> Trace:
    """A colour bar, which Plotly attaches to a trace."""
    bar = score_bar("score" if column == "score" else "± sd")
    marker = {
        "color": [span.low],
        "colorscale": _scale(column, span),
        "cmin": span.low,
        "cmax": span.high,
        "colorbar": bar,
    }
    more = {
        "mode": "markers",
        "marker": marker | {"showscale": True},
        "hoverinfo": "skip",
        "visible": column == "score",
    }
    return {**empty_trace, **more}


def _scale(column: str, span: ScoreSpan) -> str:
    """Colour scale of a score, or of its uncertainty."""
    return UNCERTAINTY_COLORSCALE if column == "sd" else score_scale(span.higher_is_better)


def _uncertainty_span(surface: pd.DataFrame) -> ScoreSpan:
    """Range from 0 to the largest standard deviation that is shown."""
    highest = surface.loc[surface["known"].astype(bool), "sd"].max()
    return ScoreSpan(0.0, float(highest) if highest > 0.0 else 1.0)


def _grid(values: "pd.Series[float]") -> list[list[float | None]]:
    """Values of a grid as its rows; null is a gap without a hover text."""
    if values.empty:
        return [[None]]
    rounded = values.astype(float).round(3)
    rows: list[list[float | None]] = (
        rounded.astype(object).where(rounded.notna(), None).to_numpy().reshape(GRID[::-1]).tolist()
    )
    return rows


def _single(values: "pd.Series[float]") -> np.ndarray:
    """Convert to single precision, which suffices for drawing and makes the page smaller."""
    return values.to_numpy(dtype=np.float32)


def _rounded(values: "pd.Series[float]") -> list[float]:
    """Round to four digits, for a smaller page."""
    return values.astype(float).round(4).tolist()
