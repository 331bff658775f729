"""Training over time: scores, and the path of the best weights."""

from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots

from erpo_explore.analysis.curves import learning_curves, thinned
from erpo_explore.analysis.points import higher_is_better, point_table, scored
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
from erpo_explore.store.columns import BROKEN

__all__ = ["path_figure", "score_figure"]

BEST_STYLE: Final = {"color": BEST_COLOR, "width": 4, "dash": "solid"}
MEMBER_STYLE: Final = {"color": MEMBER_COLOR, "width": 1.5, "dash": "dot"}
MAX_MEMBERS: Final = 60
MAX_STEPS: Final = 150
MAX_BROKEN: Final = 200


def score_figure(observations: pd.DataFrame) -> go.Figure:
    """Draw the score over training: one curve per algorithm with a band over its seeds, one line per searched trial.

    Args:
        observations: The observations table.

    Returns:
        Named algorithms have a colour and a band each. The 60 best searched trials are thin, grey and dotted. The best
        trial is thick. A cross marks a run that diverged or failed. The axis covers the scores; a band of few seeds may
        extend beyond it.
    """
    trials = point_table(observations)
    counted = scored(observations).sort_values(["trial", "iteration"], kind="stable")
    best = trials.iloc[0]
    searched = trials[trials["algorithm"].isna() & trials["best_score"].notna() & (trials["trial"] != best["trial"])]
    lines = counted.groupby("trial")
    figure = go.Figure()
    shown: set[str] = set()
    for row in searched.head(MAX_MEMBERS)[::-1].to_dict("records"):
        _add_line(figure, lines.get_group(row["trial"]), str(row["label"]), MEMBER_STYLE, shown)
    curves = learning_curves(observations)
    for number, (algorithm, curve) in enumerate(curves.groupby("algorithm", sort=True)):
        _add_curve(figure, thinned(curve, MAX_STEPS), str(algorithm), _algorithm_style(number))
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


def path_figure(rows: pd.DataFrame) -> go.Figure:
    """Draw the path of one set of weights: reward weights, trust and temperature over progress.

    Args:
        rows: Observations of the path in order, as `lineage.path_so_far` returns them.

    Returns:
        Top: the four reward weights, stacked. Below: ρ and τ. An infinite τ leaves a gap. Between an infinite and a
        finite τ a path does not interpolate (`space.path`), so the line is level until it jumps.
    """
    rows = _with_jumps(rows)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.5, 0.25, 0.25], vertical_spacing=0.06)
    progress = rows["progress"].tolist()
    for name, color in WEIGHT_COLORS.items():
        weights = rows[f"reward_{name}"].tolist()
        line = {"color": color, "width": 1}
        figure.add_scatter(
            x=progress, y=weights, mode="lines+markers", stackgroup="weights", name=name, line=line, marker={"size": 4}
        )
    tau = [value if np.isfinite(value) and value > 0.0 else None for value in rows["tau"].tolist()]
    for row, values in ((2, rows["rho"].tolist()), (3, tau)):
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


def _with_jumps(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a path; at each jump, the row before is repeated at the position of the jump."""
    is_infinite = np.isinf(rows["tau"])
    jumps = is_infinite != is_infinite.shift()
    held = rows.shift()[jumps].assign(progress=rows["progress"]).iloc[1:]  # the first row has none before it
    with_jumps: pd.DataFrame = pd.concat([held, rows])
    return with_jumps.sort_index(kind="stable")


def _log_axis(values: list[float | None]) -> dict[str, Any]:
    """Log axis with a margin of a factor of two around the values; around 1 where there is none."""
    known = [value for value in values if value is not None] or [1.0]
    low, high = float(np.log10(min(known) / 2.1)), float(np.log10(max(known) * 2.1))
    ticks = decade_ticks(low, high)
    values_of_ticks = [10**exponent for exponent in ticks]
    return {"type": "log", "range": [low, high], "tickvals": values_of_ticks, "ticktext": list(ticks.values())}


def _extent(scores: list[float]) -> tuple[float, float]:
    """Ends of an axis of scores, with a margin."""
    low, high = (min(scores), max(scores)) if scores else (0.0, 100.0)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _algorithm_style(number: int) -> dict[str, Any]:
    """Line style of the n-th named algorithm."""
    cycle, color = divmod(number, len(ALGORITHM_COLORS))
    return {"color": ALGORITHM_COLORS[color], "width": 2, "dash": ALGORITHM_DASHES[cycle % len(ALGORITHM_DASHES)]}


def _add_line(figure: go.Figure, line: pd.DataFrame, label: str, style: dict[str, Any], shown: set[str]) -> None:
    """Scores of one trial; all trials of a label share a legend entry."""
    line, trial, name = thinned(line, MAX_STEPS), escape(str(line["trial"].iloc[0])), escape(label)
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
    """Mean over seeds and, with several seeds, the band around it."""
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
    """A cross at the last score of each run that diverged or failed; at the worst score where it has none."""
    broken = observations[observations["status"].isin(BROKEN)].groupby("trial").tail(1)
    if broken.empty:
        return
    broken = broken.head(MAX_BROKEN)
    last = counted.groupby("trial").tail(1).set_index("trial")["score"]
    worst = counted["score"].min() if higher_is_better(counted) else counted["score"].max()
    floor = 0.0 if counted.empty else float(worst)
    figure.add_scatter(
        x=broken["step"].tolist(),
        y=[float(last.get(trial, floor)) for trial in broken["trial"]],
        mode="markers",
        name="diverged or failed",
        marker={"symbol": "x", "size": 10, "color": BROKEN_COLOR},
        hovertext=[f"{escape(row['trial'])}: {row['status']}" for row in broken.to_dict("records")],
        hoverinfo="text",
    )
