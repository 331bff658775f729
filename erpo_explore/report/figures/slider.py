"""Figures that a slider moves through training, with a switch between the score and how sure it is.

They are plain Plotly figures with frames, so they move in a notebook as well as in the report.
"""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

__all__ = ["SLIDER_PX", "add_slider", "add_switch"]

SLIDER_PX: Final = 90
"""Height that a figure needs more for its slider."""

_JUMP = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}


def add_slider(
    figure: go.Figure, moments: dict[int, Sequence[dict[str, Any]]], numbers: Sequence[int], gap_px: int
) -> None:
    """A slider over training steps; none where there is only one.

    Args:
        figure: Shows the last moment.
        moments: The traces that change, by step.
        numbers: Which of the figure's traces these are.
        gap_px: Room between the axes and the slider.
    """
    if len(moments) < 2:
        return
    # what is visible is the switch's, and a frame that said so would undo it
    still = {
        step: [{key: value for key, value in trace.items() if key != "visible"} for trace in traces]
        for step, traces in moments.items()
    }
    figure.frames = [go.Frame(name=str(step), data=traces, traces=list(numbers)) for step, traces in still.items()]
    slider = {
        "active": len(moments) - 1,
        "currentvalue": {"prefix": "as of step "},
        "steps": [{"label": str(step), "method": "animate", "args": [[str(step)], _JUMP]} for step in moments],
        "pad": {"t": gap_px, "b": 5},
    }
    figure.update_layout(sliders=[slider])


def add_switch(figure: go.Figure, score: Sequence[int], doubt: Sequence[int]) -> None:
    """Two buttons that show one set of traces or the other.

    Args:
        figure: Where the traces are; those of the doubt are hidden to begin with.
        score: Numbers of the traces of the score.
        doubt: Those of its standard deviation.
    """
    numbers = [*score, *doubt]
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
