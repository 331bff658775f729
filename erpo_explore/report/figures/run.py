"""What happened over training: the scores, and the path that the best weights walked."""

from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots

from erpo_explore.analysis.curves import learning_curves, thinned
from erpo_explore.analysis.points import point_table, scored
from erpo_explore.report.figures.theme import (
    ALGORITHM_COLORS,
    ALGORITHM_DASHES,
    BEST_COLOR,
    BROKEN_COLOR,
    LEGEND_BELOW,
    MEMBER_COLOR,
    WEIGHT_COLORS,
    decade_ticks,
)

__all__ = ["path_figure", "score_figure"]

BEST_STYLE: Final = {"color": BEST_COLOR, "width": 4, "dash": "solid"}
MEMBER_STYLE: Final = {"color": MEMBER_COLOR, "width": 1.5, "dash": "dot"}
MOST_MEMBERS: Final = 60
MOST_STEPS: Final = 150
MOST_BROKEN: Final = 200


def score_figure(observations: pd.DataFrame) -> go.Figure:
    """Score over training step: a curve an algorithm, with a band over its seeds, and a line a searched trial.

    Args:
        observations: The observations table.

    Returns:
        Named baselines have a colour and a band each; searched trials are thin, grey and dotted, the 60 best of them;
        the best trial is thick; a cross marks where a run diverged or failed. The axis shows the scores; a band of few
        seeds may reach beyond it.
    """
    trials = point_table(observations)
    counted = scored(observations).sort_values(["trial", "iteration"], kind="stable")
    best = trials.iloc[0]
    searched = trials[trials["algorithm"].isna() & trials["best_score"].notna() & (trials["trial"] != best["trial"])]
    lines = counted.groupby("trial")
    figure = go.Figure()
    shown: set[str] = set()
    for row in searched.head(MOST_MEMBERS)[::-1].to_dict("records"):
        _add_line(figure, lines.get_group(row["trial"]), str(row["label"]), MEMBER_STYLE, shown)
    curves = learning_curves(observations)
    for number, (algorithm, curve) in enumerate(curves.groupby("algorithm", sort=True)):
        _add_curve(figure, thinned(curve, MOST_STEPS), str(algorithm), _algorithm_style(number))
    if pd.notna(best["best_score"]):
        _add_line(figure, lines.get_group(best["trial"]), f"best: {best['label']}", BEST_STYLE, shown)
    _mark_broken(figure, observations, counted)
    low, high = _extent([*counted["score"].tolist()])
    figure.update_layout(
        xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "score"}, "range": [low, high]},
        height=440 + 11 * (len(shown) + curves["algorithm"].nunique()),
        margin={"l": 50, "r": 20, "t": 20, "b": 50},
        legend=LEGEND_BELOW,
    )
    return figure


def path_figure(walked: pd.DataFrame) -> go.Figure:
    """The path that one set of weights walked: the reward's weights, trust and temperature over progress.

    Args:
        walked: Observations of the path in order, as `lineage.walked` returns them.

    Returns:
        Above, the four reward weights, stacked; below, ρ and τ. An infinite τ leaves a gap. Between it and a
        finite one a path has no in-between (`space.path`), so it is level until it jumps.
    """
    walked = _with_jumps(walked)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.5, 0.25, 0.25], vertical_spacing=0.06)
    progress = walked["progress"].tolist()
    for name, color in WEIGHT_COLORS.items():
        weights = walked[f"reward_{name}"].tolist()
        line = {"color": color, "width": 1}
        figure.add_scatter(
            x=progress, y=weights, mode="lines+markers", stackgroup="weights", name=name, line=line, marker={"size": 4}
        )
    tau = [value if np.isfinite(value) and value > 0.0 else None for value in walked["tau"].tolist()]
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


def _with_jumps(walked: pd.DataFrame) -> pd.DataFrame:
    """The rows of a path, and where it jumps the row before once more, at the place of the jump."""
    is_infinite = np.isinf(walked["tau"])
    jumps = is_infinite != is_infinite.shift()
    held = walked.shift()[jumps].assign(progress=walked["progress"]).iloc[1:]  # before the first there is none
    rows: pd.DataFrame = pd.concat([held, walked])
    return rows.sort_index(kind="stable")


def _log_axis(values: list[float | None]) -> dict[str, Any]:
    """A log axis with room for a factor of two around the values; around 1 where there is none."""
    known = [value for value in values if value is not None] or [1.0]
    low, high = float(np.log10(min(known) / 2.1)), float(np.log10(max(known) * 2.1))
    ticks = decade_ticks(low, high)
    places = [10**place for place in ticks]
    return {"type": "log", "range": [low, high], "tickvals": places, "ticktext": list(ticks.values())}


def _extent(scores: list[float]) -> tuple[float, float]:
    """Where an axis of scores begins and ends, with some room."""
    low, high = (min(scores), max(scores)) if scores else (0.0, 100.0)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _algorithm_style(number: int) -> dict[str, Any]:
    """How the curve of the named algorithm of a number looks."""
    cycle, place = divmod(number, len(ALGORITHM_COLORS))
    return {"color": ALGORITHM_COLORS[place], "width": 2, "dash": ALGORITHM_DASHES[cycle % len(ALGORITHM_DASHES)]}


def _add_line(figure: go.Figure, line: pd.DataFrame, label: str, style: dict[str, Any], shown: set[str]) -> None:
    """The scores of one trial; all trials of a label share an entry of the legend."""
    line, trial, name = thinned(line, MOST_STEPS), escape(str(line["trial"].iloc[0])), escape(label)
    figure.add_scatter(
        x=line["step"].tolist(),
        y=line["score"].round(3).tolist(),
        mode="lines+markers" if len(line) < 2 or style is BEST_STYLE else "lines",
        name=name,
        legendgroup=name,
        showlegend=name not in shown,
        line=style,
        hovertemplate=f"{trial}<br>step %{{x}}<br>score %{{y:.2f}}<extra></extra>",
    )
    shown.add(name)


def _add_curve(figure: go.Figure, curve: pd.DataFrame, algorithm: str, style: dict[str, Any]) -> None:
    """The mean over seeds and, where there are several, the band around it."""
    name = escape(algorithm)
    banded = curve.dropna(subset="low")
    if len(banded):
        red, green, blue = hex_to_rgb(style["color"])
        figure.add_scatter(
            x=[*banded["step"], *banded["step"][::-1]],
            y=[*banded["high"].round(3), *banded["low"][::-1].round(3)],
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},0.15)",
            mode="none",
            name=f"{name}: band",
            legendgroup=name,
            showlegend=False,
            hoverinfo="skip",
        )
    spread = ["" if np.isnan(half) else f" ± {half:.2f}" for half in curve["high"] - curve["mean"]]
    figure.add_scatter(
        x=curve["step"].tolist(),
        y=curve["mean"].round(3).tolist(),
        customdata=list(zip(curve["n"].tolist(), spread, strict=True)),
        mode="lines+markers" if len(curve) < 2 else "lines",
        name=name,
        legendgroup=name,
        line=style,
        hovertemplate=(
            f"{name}<br>step %{{x}}<br>mean %{{y:.2f}}%{{customdata[1]}}, n = %{{customdata[0]}}<extra></extra>"
        ),
    )


def _mark_broken(figure: go.Figure, observations: pd.DataFrame, counted: pd.DataFrame) -> None:
    """A cross at the last score of each run that diverged or failed, at the bottom where it never had one."""
    broken = observations[observations["status"].isin(["diverged", "failed"])].groupby("trial").tail(1)
    if broken.empty:
        return
    broken = broken.head(MOST_BROKEN)
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
