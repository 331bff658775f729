"""The report of a results folder: summary, comparisons with their uncertainty, and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from erpo_explore.analysis.branches import BranchSearch, branch_table, candidate_table, effect_table
from erpo_explore.analysis.contrasts import algorithm_contrasts, best_reports, searched_contrasts
from erpo_explore.analysis.explorations import distinct_trials
from erpo_explore.analysis.importance import Importances, importances
from erpo_explore.analysis.landscape import has_map
from erpo_explore.analysis.lineage import path_so_far
from erpo_explore.analysis.measures import metric_names, validation_measures
from erpo_explore.analysis.points import higher_is_better, point_table, scored
from erpo_explore.analysis.reward_effects import REWARD_COLUMNS, reward_effects
from erpo_explore.analysis.samples import sample_trials, side_by_side
from erpo_explore.analysis.simplex import CORNERS
from erpo_explore.analysis.trial_table import trial_table
from erpo_explore.analysis.verdict import Handed, find_verdict
from erpo_explore.errors import ResultsError
from erpo_explore.report import sections
from erpo_explore.report.figures.branches import candidates_figure, effects_figure, tree_figure
from erpo_explore.report.figures.lineage import lineage_figure
from erpo_explore.report.figures.map import simplex_map, temperature_map
from erpo_explore.report.figures.measures import measures_figure
from erpo_explore.report.figures.run import path_figure, score_figure
from erpo_explore.report.figures.trials import importance_figure, parallel_figure, pareto_figure
from erpo_explore.report.page import render_page
from erpo_explore.report.summary import effect_lines, score_name, summary_sentence
from erpo_explore.report.verdict import verdict_sentences
from erpo_explore.store import best_row, load_manifest, load_results
from erpo_explore.store.columns import SCORES, VALIDATION
from erpo_explore.store.files import Location, as_location, join, write_aside
from erpo_explore.store.layout import REPORT

__all__ = ["Report", "read_report", "render_report", "save_report", "write_report"]

SEED: Final = 0  # for resampling and forests, so that drawing a report twice gives the same page

COLUMNS: Final = (
    "exploration", "trial", "role", "iteration", "generation", "seed", "task", "model", "algorithm", "step", "progress",
    "alpha", "beta", "rho", "tau", "reward_truth", "reward_noise", "reward_task", "reward_model", "metric",
    "reward_temperature", "prefix", "label", "estimator", "noise_kind", *SCORES, "score", "objective", "signature",
    *REWARD_COLUMNS, "tokens_per_s", "elapsed_s", "status", "reported_at",
)  # fmt: skip
"""Columns of an observation that the report reads. Copying the other texts would take most of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Content of a report.

    Attributes:
        title: Title of the page, plain text.
        body: Content of the page, HTML with a slot for each figure.
        figures: Figures by the name of their slot.
    """

    title: str
    body: str
    figures: Mapping[str, go.Figure]


def read_report(results_folder: Location) -> Report:
    """Read an exploration, finished or not, and draw its figures.

    Args:
        results_folder: The exploration's folder, `results/<exploration>`.

    Raises:
        ResultsError: The folder holds no exploration, or no trial has a score yet.
    """
    folder = as_location(str(results_folder))
    manifest = load_manifest(folder)
    observations = load_results(folder, columns=COLUMNS)
    if scored(observations).empty:
        raise ResultsError(
            f"nothing to draw yet in {folder}: no trial has a score; wait for the first evaluation and try again"
        )
    small = {name: load_results(folder, name) for name in ("trials", "lineage", "measures")}
    tables = distinct_trials({"observations": observations, **small})
    tables |= _load_shown(folder, observations, tables["observations"])
    name = ", ".join(sorted(observations["exploration"].unique()))
    metric = score_name(observations, tables["trials"])
    observations = tables["observations"]
    trials, generator = trial_table(observations), np.random.default_rng(SEED)
    found = importances(trials, generator)
    search = BranchSearch.from_manifest(manifest)
    of_search = _search_figures(tables, search, metric)
    figures = of_search | _figures(tables, trials, found, metric, search)
    handed = Handed.from_manifest(manifest)
    verdict = find_verdict(observations, tables["sentences"], metric, np.random.default_rng(SEED), handed=handed)
    compare = (searched_contrasts, algorithm_contrasts)
    drawn = {name: sections.figure_section(name, found) for name in figures}
    drawn["pareto"] += sections.cost_section(observations, metric)
    if search is not None:
        drawn["candidates"] += sections.candidates_section(search, candidate_table(search, observations))
    body = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="summary">{escape(" ".join(verdict_sentences(verdict)))}</p>',
        f'<p class="note">{escape(summary_sentence(observations, metric))}</p>',
        sections.caution(observations),
        sections.reward_caution(_effects(observations, tables["measures"], metric)),
        sections.facts(manifest, observations, metric),
        *(drawn.pop(name) for name in of_search),
        sections.comparison_section(observations),
        sections.measures_section(tables["measures"], observations, metric),
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
    """Write the report of an exploration, finished or not, as one HTML file that opens offline.

    Args:
        results_folder: The exploration's folder, `results/<exploration>`.
        output: The file to write; None for `report.html` in that folder.

    Returns:
        Location of the report.

    Raises:
        ResultsError: The folder holds no exploration, no trial has a score yet, or the report cannot be written.
    """
    report = read_report(results_folder)
    return save_report(
        report, join(as_location(str(results_folder)), REPORT) if output is None else as_location(str(output))
    )


def save_report(report: Report, path: Location) -> Location:
    """Write a report's page to a file, and return its location.

    Raises:
        ResultsError: The report cannot be written.
    """
    # UTF-8 cannot hold a lone surrogate, which a truncated text may contain
    write_aside(path, render_report(report).encode(errors="replace"), remedy="draw the report again")
    return path


def _effects(observations: pd.DataFrame, measures: pd.DataFrame, metric: str) -> tuple[str, ...]:
    """Warnings of rewards that rose while a metric fell."""
    return tuple(effect_lines(reward_effects(observations, validation_measures(measures, observations, metric))))


def _load_shown(folder: Location, stored: pd.DataFrame, observations: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Load the large tables, restricted to the trials that are shown.

    Args:
        folder: The results folder.
        stored: Observations as they are stored.
        observations: The same rows, with `distinct_trials`.
    """
    reports = best_reports(observations)
    sampled = sample_trials(point_table(observations))["trial"]
    stored_names = dict(zip(observations["trial"], stored["trial"], strict=True))
    large = {
        name: load_results(folder, name, trials=[stored_names[trial] for trial in trials])
        for name, trials in (("sentences", reports["trial"]), ("samples", sampled))
    }
    large = distinct_trials({"observations": stored, **large})
    sentences = large["sentences"][large["sentences"]["split"] == VALIDATION]
    return {"sentences": sentences.merge(reports, on=["trial", "iteration"]), "samples": large["samples"]}


def _search_figures(
    tables: Mapping[str, pd.DataFrame], search: BranchSearch | None, metric: str
) -> dict[str, go.Figure]:
    """Figures of a search by branches; none for another search."""
    if search is None:
        return {}
    figures = {"candidates": candidates_figure(candidate_table(search, tables["observations"]), metric)}
    if len(effects := effect_table(search)):
        figures["effects"] = effects_figure(effects)
    branches = branch_table(search, tables["observations"], tables["lineage"])
    if len(branches):
        figures["branches"] = tree_figure(branches, search)
    return figures


def _figures(
    tables: Mapping[str, pd.DataFrame],
    trials: pd.DataFrame,
    found: Importances | None,
    metric: str,
    search: BranchSearch | None,
) -> dict[str, go.Figure]:
    """The figures of any search, in their order on the page."""
    observations, lineage = tables["observations"], tables["lineage"]
    best = best_row(observations)
    best_path_rows = path_so_far(observations, lineage, str(best["trial"]), int(best["iteration"]))
    figures = {
        "score": score_figure(observations),
        "pareto": pareto_figure(trials, observations),
    }
    if len(metric_names(tables["measures"], metric)) > 1:
        figures["measures"] = measures_figure(tables["measures"], observations, metric)
    if has_map(observations, CORNERS):
        figures["simplex"] = simplex_map(observations, best_path_rows)
    if has_map(observations, ("rho", "log10_tau")):
        figures["temperature"] = temperature_map(observations, best_path_rows)
    if len(trials) > 1:
        figures["parallel"] = parallel_figure(trials)
    if found is not None:
        figures["importance"] = importance_figure(found)
    if not lineage.empty and search is None:
        figures["lineage"] = lineage_figure(
            lineage,
            (str(best["trial"]), int(best["generation"])),
            higher_is_better=higher_is_better(observations),
        )
    figures["path"] = path_figure(best_path_rows)
    return figures
