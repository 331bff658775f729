"""A slider over training steps, and a switch between the score and its uncertainty.

The figures are plain Plotly figures with frames, so they work in a notebook as well as in the report.
"""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

__all__ = ["SLIDER_PX", "add_slider", "add_switch"]

SLIDER_PX: Final = 90
"""Extra height of a figure with a slider."""

_JUMP = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}


def add_slider(
    figure: go.Figure, snapshots: dict[int, Sequence[dict[str, Any]]], numbers: Sequence[int], gap_px: int
) -> None:
    """Add a slider over training steps; with a single step, add none.

    Args:
        figure: Figure that shows the last snapshot.
        snapshots: Traces that change, by step.
        numbers: Indices of these traces in the figure.
        gap_px: Distance between the axes and the slider.
    """
    if len(snapshots) < 2:
        return
    # the switch controls visibility, and a frame that sets it would undo the switch
    still = {
        step: [{key: value for key, value in trace.items() if key != "visible"} for trace in traces]
        for step, traces in snapshots.items()
    }
    figure.frames = [go.Frame(name=str(step), data=traces, traces=list(numbers)) for step, traces in still.items()]
    slider = {
        "active": len(snapshots) - 1,
        "currentvalue": {"prefix": "as of step "},
        "steps": [{"label": str(step), "method": "animate", "args": [[str(step)], _JUMP]} for step in snapshots],
        "pad": {"t": gap_px, "b": 5},
    }
    figure.update_layout(sliders=[slider])


def add_switch(figure: go.Figure, score: Sequence[int], uncertainty: Sequence[int]) -> None:
    """Add two buttons that show one set of traces or the other.

    Args:
        figure: Figure with the traces; those of the uncertainty are hidden at first.
        score: Indices of the traces of the score.
        uncertainty: Indices of the traces of its standard deviation.
    """
    numbers = [*score, *uncertainty]
    buttons = [
        {
            "label": label,
            "method": "restyle",
            "args": [{"visible": [(number in score) == shows_score for number in numbers]}, numbers],
        }
        for label, shows_score in (("score", True), ("± uncertainty", False))
    ]
    switch = {"type": "buttons", "direction": "right", "buttons": buttons, "active": 0, "showactive": True}
    place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 8}, "font": {"size": 11}}
    figure.update_layout(updatemenus=[switch | place])
