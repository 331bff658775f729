"""Colours and shapes that all figures share, readable on white and on black.

Figures set neither background nor text colour: the report selects one of two Plotly templates by the reader's
`prefers-color-scheme`. Colours of data are mid-tones that are readable on both backgrounds.
"""

from typing import Any

import numpy as np

__all__ = [
    "ALGORITHM_COLORS",
    "ALGORITHM_DASHES",
    "BEST_COLOR",
    "BROKEN_COLOR",
    "COLORSCALE",
    "LABEL_FONT",
    "LABEL_GAP",
    "LEGEND_BELOW",
    "MEMBER_COLOR",
    "OUTLINE",
    "TEMPLATES",
    "UNCERTAINTY_COLORSCALE",
    "WEIGHT_COLORS",
    "decade_ticks",
    "score_bar",
    "score_marker",
    "score_scale",
]

ALGORITHM_COLORS = (
    "#3b82f6", "#e07b00", "#10a37f", "#8b5cf6", "#a98a00", "#0ea5b7",
    "#c2410c", "#5f8f2f", "#7184c9", "#a0603a", "#2f8f7d", "#b07cc6",
)  # fmt: skip
ALGORITHM_DASHES = ("solid", "dash", "longdash", "dashdot")  # the next dash each time the colours are used up
BEST_COLOR = "#e0457b"
BROKEN_COLOR = "#e5484d"
MEMBER_COLOR = "#8a94a3"
OUTLINE = "#8a94a3"
COLORSCALE = "Viridis"
UNCERTAINTY_COLORSCALE = "Cividis"
LEGEND_BELOW = {
    "orientation": "h",
    "yref": "container",
    "yanchor": "bottom",
    "y": 0,
    "x": 0,
    "traceorder": "normal",
    "font": {"size": 11},
}
LABEL_FONT = {"size": 11, "shadow": "auto"}  # the shadow keeps a label readable over markers
LABEL_GAP = {"size": 14, "color": "rgba(0,0,0,0)"}  # an invisible marker that keeps a label away from the visible one
WEIGHT_COLORS = {"truth": "#3b82f6", "noise": "#8a94a3", "task": "#e07b00", "model": "#10a37f"}

# text, grid, background, and background of buttons: their text is dark, since Plotly draws a pressed button white
_INKS = {
    "light": ("#1f2933", "#dfe4ea", "#ffffff", "#dfe4ea"),
    "dark": ("#e4e8ee", "#3a424e", "#161a20", "#9aa5b4"),
}


def _template(ink: str, grid: str, ground: str, button: str) -> dict[str, Any]:
    """Build a Plotly template with a transparent background.

    Args:
        ink: Colour of text and axes.
        grid: Colour of grid lines.
        ground: Background of the page, for boxes that must hide what is behind them.
        button: Background of a button that is not pressed.
    """
    axis = {"gridcolor": grid, "linecolor": ink, "zerolinecolor": grid, "tickcolor": ink, "automargin": True}
    corner = {"gridcolor": grid, "linecolor": ink, "tickcolor": ink}
    return {
        "layout": {
            "font": {"color": ink, "family": "system-ui, sans-serif", "size": 12},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "ternary": {"bgcolor": "rgba(0,0,0,0)", "aaxis": corner, "baxis": corner, "caxis": corner},
            "updatemenudefaults": {"bgcolor": button, "bordercolor": OUTLINE, "font": {"color": "#1f2933"}},
            "sliderdefaults": {"bgcolor": button, "bordercolor": OUTLINE, "tickcolor": ink, "font": {"color": ink}},
            "hoverlabel": {"bgcolor": ground, "bordercolor": OUTLINE, "font": {"color": ink}, "align": "left"},
        }
    }


TEMPLATES = {name: _template(*inks) for name, inks in _INKS.items()}


def score_scale(higher_is_better: bool) -> str:
    """Colour scale of scores, from the lowest to the highest: the brightest colour is the best."""
    return COLORSCALE if higher_is_better else f"{COLORSCALE}_r"


def score_marker(
    scores: list[float], low: float, high: float, *, higher_is_better: bool = True, **more: Any
) -> dict[str, Any]:
    """Build a marker coloured by score, on the colour scale of the whole report.

    Args:
        scores: One score per marker.
        low: Lowest score that colours cover.
        high: Highest score that they cover.
        higher_is_better: Whether the highest has the brightest colour.
        **more: Further attributes of a Plotly marker, such as `size`.
    """
    return {
        "color": scores,
        "colorscale": score_scale(higher_is_better),
        "cmin": low,
        "cmax": high if high > low else low + 1.0,  # with a single score any span is fine, but an empty one is an error
        "line": {"color": OUTLINE, "width": 1},
        **more,
    }


def score_bar(title: str) -> dict[str, Any]:
    """Build a colour bar above the figure, where it fits on a narrow screen.

    Args:
        title: Meaning of the colours.
    """
    position = {"orientation": "h", "yref": "container", "y": 0.99, "yanchor": "top", "x": 0.5}
    size = {"thickness": 10, "lenmode": "pixels", "len": 240, "nticks": 5}
    return {"title": {"text": title, "side": "right"}, **position, **size}


def decade_ticks(low: float, high: float) -> dict[float, str]:
    """Compute ticks of a log axis: 1, 2 and 5 in each decade.

    Args:
        low: log10 of the axis's lower end.
        high: log10 of its upper end.

    Returns:
        Label of each tick by log10 of its value.

    Example:
        >>> list(decade_ticks(-0.5, 0.5).values())
        ['0.5', '1', '2']
    """
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    values = (factor * 10.0**decade for decade in decades for factor in (1, 2, 5))
    return {float(np.log10(value)): f"{value:g}" for value in values if low <= np.log10(value) <= high}
