"""Every metric over training, one panel per metric."""

from html import escape
from typing import Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from erpo_explore.analysis.measures import measure_curves, metric_names
from erpo_explore.report.figures.theme import ALGORITHM_COLORS, ALGORITHM_DASHES, LEGEND_BELOW, MEMBER_COLOR

__all__ = ["measures_figure"]

PANEL_PX: Final = 210


def measures_figure(measures: pd.DataFrame, observations: pd.DataFrame, decides: str) -> go.Figure:
    """Draw the mean of each metric on the validation set over training.

    Args:
        measures: The measures table; at least one row of the validation set.
        observations: The observations table.
        decides: Name of the metric that decides.

    Returns:
        One panel per metric, the one that decides on top, and one line per algorithm. Searched trials share a grey
        line, their mean. The arrow beside a metric's name is its direction.
    """
    names = metric_names(measures, decides)
    curves = measure_curves(measures, observations)
    directions = dict(zip(measures["metric"], measures["higher_is_better"], strict=True))
    titles = [f"{escape(name)} {'↑' if directions[name] else '↓'}" for name in names]
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.06)
    algorithms = set(observations["algorithm"].dropna())
    labels = sorted(curves["label"].unique())
    for number, label in enumerate(labels):
        cycle, color = divmod(number, len(ALGORITHM_COLORS))
        style = {"color": ALGORITHM_COLORS[color], "dash": ALGORITHM_DASHES[cycle % len(ALGORITHM_DASHES)], "width": 2}
        if label not in algorithms:
            style = {"color": MEMBER_COLOR, "dash": "dot", "width": 1.5}
        for row, name in enumerate(names, start=1):
            line = curves[(curves["metric"] == name) & (curves["label"] == label)]
            figure.add_scatter(
                x=line["step"].tolist(),
                y=line["mean"].round(3).tolist(),
                mode="lines+markers" if len(line) < 2 else "lines",
                name=escape(label),
                legendgroup=escape(label),
                showlegend=row == 1,
                line=style,
                hovertemplate=f"{escape(label)}<br>step %{{x}}<br>{escape(name)} %{{y:.2f}}<extra></extra>",
                row=row,
                col=1,
            )
    figure.update_xaxes(title_text="training step", rangemode="tozero", row=len(names), col=1)
    figure.update_layout(
        height=120 + PANEL_PX * len(names), margin={"l": 50, "r": 20, "t": 40, "b": 50}, legend=LEGEND_BELOW
    )
    return figure
