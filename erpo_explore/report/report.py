"""The report of a results folder: what was found, how sure that is, and the map of where."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from erpo_explore.analysis.contrasts import algorithm_contrasts, best_reports, searched_contrasts
from erpo_explore.analysis.explorations import distinct_trials
from erpo_explore.analysis.importance import MIN_POINTS, Importances, importances
from erpo_explore.analysis.lineage import walked
from erpo_explore.analysis.points import point_table, scored
from erpo_explore.analysis.samples import sample_trials, side_by_side
from erpo_explore.analysis.trial_table import trial_table
from erpo_explore.errors import ResultsError
from erpo_explore.report import sections
from erpo_explore.report.figures.lineage import lineage_figure
from erpo_explore.report.figures.map import simplex_map, temperature_map
from erpo_explore.report.figures.run import path_figure, score_figure
from erpo_explore.report.figures.trials import importance_figure, parallel_figure, pareto_figure
from erpo_explore.report.page import figure_slot, render_page
from erpo_explore.report.summary import score_name, summary_sentence
from erpo_explore.store import best_row, load_manifest, load_results
from erpo_explore.store.files import Location, as_location, join, write_aside

__all__ = ["Report", "read_report", "render_report", "save_report", "write_report"]

REPORT: Final = "report.html"
SEED: Final = 0  # of resamples and forests, so that a report drawn twice is the same

COLUMNS: Final = (
    "exploration", "trial", "role", "iteration", "generation", "seed", "task", "model", "algorithm", "step", "progress",
    "alpha", "beta", "rho", "tau", "reward_truth", "reward_noise", "reward_task", "reward_model", "metric",
    "reward_temperature", "prefix", "label", "estimator", "noise_kind", "bleu", "rouge1", "rouge2", "rougel", "score",
    "signature", "tokens_per_s", "elapsed_s", "status", "reported_at",
)  # fmt: skip
"""What the atlas reads of each observation; copying texts that it does not takes most of the time otherwise."""

TITLES: Final = {
    "score": "Score over training",
    "pareto": "Score against cost",
    "simplex": "Map: the reward",
    "temperature": "Map: trust and temperature",
    "parallel": "Coordinates side by side",
    "importance": "What matters",
    "lineage": "Lineage",
    "path": "The best path",
}
CAPTIONS: Final = {
    "score": "Score on the valid set over training. Baselines are coloured, with a band over seeds (95 % t-interval, "
    "which few seeds may carry beyond the axis); searched trials are grey and dotted, the best trial is thick.",
    "pareto": "Each trial's best score, and the seconds until then.",
    "simplex": "Reward weights: truth, task and noise together, model. The colour of the ground is the expected score, "
    "from a Gaussian process through the trials; it is blank where these do not tell. Diamonds are baselines, circles "
    "searched trials, lines their ways, the thick one that of the best weights.",
    "temperature": "Trust in the model against temperature, drawn as above. A temperature of ∞ is policy gradient.",
    "parallel": "A line a trial, from its mean coordinates to its best score; the best is thick.",
    "lineage": "Members of the population; arrows are clones, coloured by the donor's score and ending at the member "
    "that was replaced.",
    "path": "What the best weights were trained on, across clones. This path can be saved and replayed.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report shows.

    Attributes:
        title: Of the page, plain text.
        body: Its content, HTML with a slot for each figure.
        figures: By the name of their slot.
    """

    title: str
    body: str
    figures: Mapping[str, go.Figure]


def read_report(results_folder: Location) -> Report:
    """Read an exploration, finished or not, and draw it.

    Args:
        results_folder: The exploration's folder, `results/<exploration>`.

    Raises:
        ResultsError: the folder holds no exploration, or nothing was scored yet.
    """
    folder = as_location(str(results_folder))
    manifest = load_manifest(folder)
    observations = load_results(folder, columns=COLUMNS)
    if scored(observations).empty:
        raise ResultsError(
            f"nothing to draw yet in {folder}: no trial has a score; wait for the first evaluation and try again"
        )
    small = {name: load_results(folder, name) for name in ("trials", "lineage")}
    tables = distinct_trials({"observations": observations, **small})
    tables |= _chosen(folder, observations, tables["observations"])
    name = ", ".join(sorted(observations["exploration"].unique()))
    metric = score_name(observations, tables["trials"])
    observations = tables["observations"]
    trials, generator = trial_table(observations), np.random.default_rng(SEED)
    found = importances(trials, generator)
    figures = _figures(tables, trials, found)
    compare = (searched_contrasts, algorithm_contrasts)
    captions = CAPTIONS | {"importance": _importance_caption(found)}
    drawn = {key: f"<h2>{TITLES[key]}</h2>{figure_slot(key, captions[key])}" for key in figures}
    drawn["pareto"] += sections.cost_section(observations, metric)
    drawn["parallel"] += _no_importance() if found is None else ""
    body = [
        sections.header(name, manifest, observations, metric),
        f'<p class="summary">{escape(summary_sentence(observations, metric))}</p>',
        _caution(observations),
        sections.comparison_section(observations),
        sections.contrasts_section([each(observations, tables["sentences"], generator) for each in compare]),
        *drawn.values(),
        sections.points_section(observations),
        sections.samples_section(side_by_side(sample_trials(point_table(observations)), tables["samples"])),
    ]
    return Report(title=f"{name}: erpo_explore", body="\n".join(body), figures=MappingProxyType(figures))


def render_report(report: Report) -> str:
    """The report as one HTML page that opens offline."""
    return render_page(report.title, report.body, report.figures)


def write_report(results_folder: Location, output: Location | None = None) -> Location:
    """Draw an exploration, finished or not, into one HTML file that opens offline.

    Args:
        results_folder: The exploration's folder, `results/<exploration>`.
        output: The file to write; None for `report.html` in that folder.

    Returns:
        Where the report is.

    Raises:
        ResultsError: the folder holds no exploration, nothing was scored yet, or the report cannot be written.
    """
    report = read_report(results_folder)
    return save_report(
        report, join(as_location(str(results_folder)), REPORT) if output is None else as_location(str(output))
    )


def save_report(report: Report, path: Location) -> Location:
    """Write a report's page to a file, and say where.

    Raises:
        ResultsError: the report cannot be written.
    """
    # a lone surrogate, which a torn text may hold, has no place in UTF-8
    write_aside(path, render_report(report).encode(errors="replace"), remedy="draw the report again")
    return path


def _chosen(folder: Location, stored: pd.DataFrame, observations: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The large tables, of those trials alone that are shown.

    Args:
        folder: The results folder.
        stored: Observations as they lie there.
        observations: The same rows, with `distinct_trials`.
    """
    reports = best_reports(observations)
    speakers = sample_trials(point_table(observations))["trial"]
    stored_names = dict(zip(observations["trial"], stored["trial"], strict=True))
    large = {
        name: load_results(folder, name, trials=[stored_names[trial] for trial in trials])
        for name, trials in (("sentences", reports["trial"]), ("samples", speakers))
    }
    large = distinct_trials({"observations": stored, **large})
    sentences = large["sentences"][large["sentences"]["split"] == "validation"]
    return {"sentences": sentences.merge(reports, on=["trial", "iteration"]), "samples": large["samples"]}


def _figures(
    tables: Mapping[str, pd.DataFrame], trials: pd.DataFrame, found: Importances | None
) -> dict[str, go.Figure]:
    """All figures, in the order in which they are read."""
    observations, lineage = tables["observations"], tables["lineage"]
    best = best_row(observations)
    way = walked(observations, lineage, str(best["trial"]), int(best["iteration"]))
    figures = {
        "score": score_figure(observations),
        "pareto": pareto_figure(trials, observations),
        "simplex": simplex_map(observations, way),
        "temperature": temperature_map(observations, way),
        "parallel": parallel_figure(trials),
    }
    if found is not None:
        figures["importance"] = importance_figure(found)
    if not lineage.empty:
        figures["lineage"] = lineage_figure(lineage, (str(best["trial"]), int(best["generation"])))
    figures["path"] = path_figure(way)
    return figures


def _caution(observations: pd.DataFrame) -> str:
    """What stands in the way of comparing scores, where explorations differ in it."""
    differing = [name for name in ("task", "model", "signature") if observations[name].nunique() > 1]
    if not differing:
        return ""
    return (
        f'<p class="summary caution">These trials differ in {" and ".join(differing)}, so their scores may not be '
        "comparable, and everything below compares them.</p>"
    )


def _importance_caption(found: Importances | None) -> str:
    """How far the importances can be believed."""
    if found is None:
        return ""
    explained = f"explains {max(0.0, found.r_squared):.0%} of the variance of trials that it has not seen"
    doubt = ", so little that these bars may be noise" if found.r_squared < 0.2 else ""
    return (
        f"Drop in R² when a coordinate is permuted, over bootstraps of {found.num_points} points, with 95 % intervals. "
        f"The forest {explained}{doubt}. Coordinates that tell the same, as weights of one simplex do, share their "
        "importance."
    )


def _no_importance() -> str:
    """Why there are no importances."""
    return (
        f'<h2>{TITLES["importance"]}</h2><p class="note">Fewer than {MIN_POINTS} different points were scored, or all '
        "alike, so nothing can be said about which coordinate matters.</p>"
    )
