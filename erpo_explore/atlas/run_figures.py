"""What happened over training: each trial's score, and the path that the best weights walked."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from erpo_explore.atlas.surface import point_table, scored
from erpo_explore.atlas.theme import (
    BEST_COLOR,
    BROKEN_COLOR,
    DOT_COLORS,
    DOT_DASHES,
    LEGEND_BELOW,
    MEMBER_COLOR,
    WEIGHT_COLORS,
    decade_ticks,
)

__all__ = ["path_figure", "score_figure"]


BEST_STYLE = {"color": BEST_COLOR, "width": 4, "dash": "solid"}
MEMBER_STYLE = {"color": MEMBER_COLOR, "width": 1.5, "dash": "dot"}


def score_figure(observations: pd.DataFrame) -> go.Figure:
    """Score over training step, one line a trial.

    Args:
        observations: The observations table.

    Returns:
        Named dots have a colour each, all others are thin and grey, the best trial is thick; a cross marks where a run
        diverged or failed.
    """
    trials = point_table(observations)
    counted = scored(observations).sort_values(["trial", "iteration"], kind="stable")
    labels = sorted(trials.loc[trials["dot"].notna(), "dot"].unique())
    styles = {label: _dot_style(index) for index, label in enumerate(labels)}
    best = trials["trial"].iloc[0]
    figure = go.Figure()
    shown: set[str] = set()
    below = trials.iloc[1:].sort_values(["dot", "trial"], ascending=False, na_position="first", kind="stable")
    for row in [*below.to_dict("records"), trials.iloc[0].to_dict()]:
        line = counted[counted["trial"] == row["trial"]]
        is_best, named = row["trial"] == best, isinstance(row["dot"], str)
        name = escape(f"best: {row['label']}" if is_best else str(row["label"]))
        figure.add_scatter(
            x=line["step"].tolist(),
            y=line["score"].tolist(),
            mode="lines+markers" if len(line) < 2 or is_best else "lines",
            name=name,
            legendgroup=name,
            showlegend=name not in shown,
            line=BEST_STYLE if is_best else styles[row["dot"]] if named else MEMBER_STYLE,
            hovertemplate=f"{escape(str(row['trial']))}<br>step %{{x}}<br>score %{{y:.2f}}",
        )
        shown.add(name)
    _mark_broken(figure, observations, counted)
    figure.update_layout(
        xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "score"}},
        height=430 + 10 * len(shown),
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def path_figure(walked: pd.DataFrame) -> go.Figure:
    """The path that one set of weights walked: the reward's weights, trust and temperature over progress.

    Args:
        walked: Observations of the path in order, as `lineage.walked` returns them.

    Returns:
        Above, the four reward weights, stacked; below, ρ and τ. An infinite τ leaves a gap.
    """
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.5, 0.25, 0.25], vertical_spacing=0.06)
    progress = walked["progress"].tolist()
    for name, color in WEIGHT_COLORS.items():
        weights = walked[f"reward_{name}"].tolist()
        line = {"color": color, "width": 1}
        figure.add_scatter(
            x=progress, y=weights, mode="lines+markers", stackgroup="weights", name=name, line=line, marker={"size": 4}
        )
    tau = [value if np.isfinite(value) else None for value in walked["tau"].tolist()]
    for row, values in ((2, walked["rho"].tolist()), (3, tau)):
        figure.add_scatter(
            x=progress, y=values, mode="lines+markers", line={"color": BEST_COLOR}, showlegend=False, row=row, col=1
        )
    figure.update_xaxes(range=[-0.02, 1.02], zeroline=False)
    figure.update_xaxes(title_text="progress: share of the budget", row=3, col=1)
    figure.update_yaxes(title_text="reward weights", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="ρ", range=[-0.1, 1.1], row=2, col=1)
    figure.update_yaxes(title_text="τ (log)", row=3, col=1, **_log_axis(tau))
    figure.update_layout(height=560, margin={"l": 50, "r": 20, "t": 20, "b": 50}, legend=LEGEND_BELOW)
    return figure


def _log_axis(values: list[float | None]) -> dict[str, Any]:
    """A log axis with room for a factor of two around the values; around 1 where there is none."""
    known = [value for value in values if value is not None] or [1.0]
    low, high = float(np.log10(min(known) / 2.1)), float(np.log10(max(known) * 2.1))
    ticks = decade_ticks(low, high)
    places = [10**place for place in ticks]
    return {"type": "log", "range": [low, high], "tickvals": places, "ticktext": list(ticks.values())}


def _dot_style(index: int) -> dict[str, Any]:
    """How the lines of the named dot of a number look."""
    cycle, place = divmod(index, len(DOT_COLORS))
    return {"color": DOT_COLORS[place], "width": 2, "dash": DOT_DASHES[cycle % len(DOT_DASHES)]}


def _mark_broken(figure: go.Figure, observations: pd.DataFrame, counted: pd.DataFrame) -> None:
    """A cross at the last score of each run that diverged or failed, at the bottom where it never had one."""
    broken = observations[observations["status"].isin(["diverged", "failed"])].groupby("trial").tail(1)
    if broken.empty:
        return
    last = counted.groupby("trial").tail(1).set_index("trial")["score"]
    floor = 0.0 if counted.empty else float(counted["score"].min())
    figure.add_scatter(
        x=broken["step"].tolist(),
        y=[float(last.get(trial, floor)) for trial in broken["trial"]],
        mode="markers",
        name="diverged or failed",
        marker={"symbol": "x", "size": 10, "color": BROKEN_COLOR},
        hovertext=[f"{escape(row['trial'])}: {row['status']}" for row in broken.to_dict("records")],
        hoverinfo="text",
    )
