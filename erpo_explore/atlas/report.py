"""The report of one exploration: what was found, how sure that is, and the map of where."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from erpo_explore.atlas.lineage import walked
from erpo_explore.atlas.lineage_figures import lineage_figure
from erpo_explore.atlas.map_figures import simplex_map, temperature_map
from erpo_explore.atlas.page import figure_slot, render_page, table
from erpo_explore.atlas.pareto import pareto_set
from erpo_explore.atlas.run_figures import path_figure, score_figure
from erpo_explore.atlas.summary import score_name, summary_sentence, verdicts
from erpo_explore.atlas.surface import comparison, point_table, scored
from erpo_explore.errors import ResultsError
from erpo_explore.store import best_row, load_manifest, load_results
from erpo_explore.store.files import write_aside

__all__ = ["write_report"]

REPORT = "report.html"
NUM_SAMPLE_TRIALS = 3
NUM_SENTENCES = 8

CAPTIONS = {
    "score": "Score on the valid set over training. Named dots are coloured, members of a search grey and dotted, the "
    "best trial thick.",
    "simplex": "Reward weights: truth, task and noise together, model. Small: each report. Large: each trial's best; "
    "diamonds are named dots, with their best score.",
    "temperature": "Trust in the model against temperature. A temperature of ∞ is policy gradient.",
    "lineage": "Members of the population; arrows are clones, coloured by the donor's score and ending at the member "
    "that was replaced.",
    "path": "What the best weights were trained on, across clones. This path can be saved and replayed.",
}
TITLES = {
    "score": "Score over training",
    "simplex": "Map: the reward",
    "temperature": "Map: trust and temperature",
    "lineage": "Lineage",
    "path": "The best path",
}


def write_report(results_folder: str | Path, output: str | Path | None = None) -> Path:
    """Draw an exploration, finished or not, into one HTML file that opens offline.

    Args:
        results_folder: The exploration's folder, `results/<exploration>`.
        output: The file to write; None for `report.html` in that folder.

    Returns:
        Where the report is.

    Raises:
        ResultsError: the folder holds no exploration, nothing was scored yet, or the report cannot be written.
    """
    folder = Path(results_folder)
    manifest = load_manifest(folder)
    observations = load_results(folder)
    if scored(observations).empty:
        raise ResultsError(
            f"nothing to draw yet in {folder}: no trial has a score; wait for the first evaluation and try again"
        )
    tables = {name: load_results(folder, name) for name in ("trials", "lineage", "samples")}
    figures = _figures(observations, tables["lineage"])
    name = str(observations["exploration"].iloc[0])
    metric = score_name(observations, tables["trials"])
    body = "\n".join(
        [
            _header(name, manifest, observations, metric),
            f'<p class="summary">{escape(summary_sentence(observations, metric))}</p>',
            _comparison_section(observations),
            _cost_section(observations, metric),
            *(f"<h2>{TITLES[key]}</h2>{figure_slot(key, CAPTIONS[key])}" for key in figures),
            _points_section(observations),
            _samples_section(observations, tables["samples"]),
        ]
    )
    path = folder / REPORT if output is None else Path(output)
    write_aside(path, render_page(f"{name}: erpo_explore", body, figures).encode(), remedy="draw the report again")
    return path


def _figures(observations: pd.DataFrame, lineage: pd.DataFrame) -> dict[str, go.Figure]:
    """All figures, in the order in which they are read."""
    best = best_row(observations)
    figures = {
        "score": score_figure(observations),
        "simplex": simplex_map(observations),
        "temperature": temperature_map(observations),
    }
    if not lineage.empty:
        figures["lineage"] = lineage_figure(lineage, (str(best["trial"]), int(best["generation"])))
    figures["path"] = path_figure(walked(observations, lineage, str(best["trial"]), int(best["iteration"])))
    return figures


def _header(name: str, manifest: Mapping[str, object], observations: pd.DataFrame, metric: str) -> str:
    """Name of the exploration and what is needed to repeat it."""
    versions = manifest.get("versions")
    times = observations["reported_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
    facts = {
        "task": _listed(observations["task"]),
        "model": _listed(observations["model"]),
        "metric": metric,
        "signature": _listed(observations["signature"]),
        "seeds": _listed(observations["seed"]),
        "trials": f"{observations['trial'].nunique()}, with {len(observations)} reports",
        "reported": f"{times.min()} to {times.max()}",
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items())
        if isinstance(versions, dict)
        else "",
        "commit": str(manifest.get("git_commit") or ""),
    }
    items = "".join(f"<dt>{key}</dt><dd>{escape(value or 'not recorded')}</dd>" for key, value in facts.items())
    return f"<header><h1>{escape(name)}</h1><dl>{items}</dl></header>"


def _listed(values: "pd.Series[Any]") -> str:
    """The distinct values that are not null, in order."""
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _comparison_section(observations: pd.DataFrame) -> str:
    """Algorithms over seeds, and which differences are real."""
    rows = [
        [
            row["label"],
            row["n"],
            row["mean"],
            f"{row['low']:.2f} to {row['high']:.2f}" if pd.notna(row["low"]) else _no_interval(row),
            row["sd"],
            row["best"],
            row["num_unscored"],
        ]
        for row in comparison(observations).to_dict("records")
    ]
    header = ["algorithm", "n", "mean", "95 % interval", "sd", "best", "unscored"]
    lines = "".join(f"<li>{escape(line)}</li>" for line in verdicts(point_table(observations)))
    note = (
        "Scores are each trial's best on the valid set, and so a little too high for all of them. Nothing here "
        "corrects for having picked the best of many."
    )
    return f'<h2>Algorithms</h2>{table(header, rows)}<ul>{lines}</ul><p class="note">{note}</p>'


def _cost_section(observations: pd.DataFrame, metric: str) -> str:
    """The trials that no other beats in score without costing more."""
    rows = pareto_set(observations)[["trial", "score", "elapsed_s", "step"]].astype(object).to_numpy().tolist()
    note = "Each of these trials has a higher score than all that took less time; the time is that of its best weights."
    return f'<h2>Score against cost</h2>{table(["trial", metric, "seconds", "steps"], rows)}<p class="note">{note}</p>'


def _no_interval(row: dict[Any, Any]) -> str:
    """Why a row of the comparison has no interval."""
    if row["n"] == 0:
        return "no score"
    return "n = 1: no interval" if row["over"] == "seeds" else "different points: no interval"


def _points_section(observations: pd.DataFrame) -> str:
    """Every trial, the best first."""
    header = ["trial", "point", "seed", "status", "best", "at step", "final", "ρ", "τ"]
    header += ["truth", "noise", "task", "model", "metric"]
    columns = ["trial", "label", "seed", "status", "best_score", "best_step", "final_score", "rho", "tau"]
    columns += ["reward_truth", "reward_noise", "reward_task", "reward_model", "metric"]
    points = point_table(observations)[columns].astype(object)
    rows = points.where(points.notna(), None).to_numpy().tolist()
    return f"<h2>All trials</h2>{table(header, rows)}"


def _samples_section(observations: pd.DataFrame, samples: pd.DataFrame) -> str:
    """What the best trial of each of the best algorithms says; nothing where no sentence was kept."""
    trials = point_table(observations)
    trials = trials[trials["trial"].isin(samples["trial"])].groupby("label", sort=False).head(1)
    pieces = []
    for row in trials.head(NUM_SAMPLE_TRIALS).to_dict("records"):
        kept = samples[samples["trial"] == row["trial"]]
        before = kept[kept["step"] <= row["best_step"]] if pd.notna(row["best_step"]) else kept
        last = kept[kept["iteration"] == (kept if before.empty else before)["iteration"].max()].head(NUM_SENTENCES)
        header = ["source", "reference", "hypothesis", "score"]
        cells = [[line[name] for name in (*header[:3], "sentence_score")] for line in last.to_dict("records")]
        title = f"{row['label']} (trial {row['trial']}) at step {last['step'].iloc[0]}"
        pieces.append(f"<h3>{escape(title)}</h3>{table(header, cells, prose=True)}")
    return f"<h2>Samples</h2>{''.join(pieces)}" if pieces else ""
