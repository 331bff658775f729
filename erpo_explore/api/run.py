"""An exploration's results as an object: its tables, its best path, its report, and a summary in words."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from erpo_explore.analysis.best_path import best_path
from erpo_explore.analysis.measures import validation_measures
from erpo_explore.analysis.points import comparison
from erpo_explore.analysis.reward_effects import reward_effects
from erpo_explore.analysis.verdict import BASELINE, Verdict, load_verdict
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.path_file import save_path
from erpo_explore.errors import ResultsError
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.plan.outcome import outcome_of
from erpo_explore.plan.replay import is_replay
from erpo_explore.report.summary import effect_lines, score_name
from erpo_explore.report.verdict import verdict_sentences
from erpo_explore.space import Path
from erpo_explore.store import best_row, load_manifest, load_results
from erpo_explore.store.columns import BROKEN, VALIDATION
from erpo_explore.store.files import Location, as_location, join
from erpo_explore.store.layout import BEST_PATH

if TYPE_CHECKING:
    from erpo_explore.report import Report

__all__ = ["Run", "Summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run found, as people read it.

    Attributes:
        verdict: What is better than maximum likelihood, by how much and how sure, as numbers.
        sentences: The verdict in words.
        failures: One line per reason for which trials failed or diverged.
        table: Each baseline over its seeds, and the searched trials over their points; the headers first.
        lines: Trials that were stopped early, the best trial, and rewards that rose while a metric fell.
    """

    verdict: Verdict
    sentences: tuple[str, ...]
    failures: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An exploration that has ended or was interrupted, with its results.

    Attributes:
        folder: Results folder, a path or a URI.
        experiment: What was explored.
        status: `finished`, or `interrupted` if trials are left to resume.
        num_failed: Number of trials that ended with an error.
        timed_out: Whether the end of its `max_hours` interrupted it.
    """

    folder: Location
    experiment: Experiment
    status: Literal["finished", "interrupted"]
    num_failed: int
    timed_out: bool = False

    @classmethod
    def open(cls, folder: Location, *, timed_out: bool = False) -> "Run":
        """Read a results folder.

        Args:
            folder: A path or a URI.
            timed_out: Whether the end of its `max_hours` has just interrupted it.

        Raises:
            ResultsError: The folder holds no exploration.
        """
        location = as_location(str(folder))
        experiment = experiment_of(load_manifest(location), str(location))
        outcome = outcome_of(experiment, location)
        return cls(
            folder=location,
            experiment=experiment,
            status=outcome.status,
            num_failed=outcome.num_failed,
            timed_out=timed_out,
        )

    @property
    def is_replay(self) -> bool:
        """Whether the run is a replay."""
        return is_replay(self.experiment)

    def table(self, name: str, **selection: Any) -> pd.DataFrame:
        """One table of the results.

        Args:
            name: observations, trials, lineage, samples, sentences or tests.
            **selection: `columns`, `trials` and `filters`, as for `load_results`.
        """
        return load_results(self.folder, table=name, **selection)

    def observations(self, **selection: Any) -> pd.DataFrame:
        """The table `observations`: one row per trial and report."""
        return self.table("observations", **selection)

    @property
    def best_path(self) -> Path:
        """The path that a search by branches hands over, else that of the weights with the best validation score.

        Raises:
            ResultsError: There is no score yet.
        """
        handed = load_manifest(self.folder).get("handover")
        return Path.from_dict(handed["path"]) if isinstance(handed, dict) else best_path(self.folder)

    def write_best_path(self) -> Location:
        """Write `best_path.yaml` into the results folder, and return where it is."""
        file = join(self.folder, BEST_PATH)
        save_path(self.best_path, file)
        return file

    def report(self) -> "Report":
        """The report: title, HTML, and figures by name."""
        from erpo_explore.report import read_report

        return read_report(self.folder)

    def write_report(self, file: Location | None = None) -> Location:
        """Write the report as one HTML page.

        Args:
            file: Default: report.html in the results folder.

        Returns:
            Where the page is.
        """
        from erpo_explore.report import write_report

        return write_report(self.folder, file)

    def summary(self) -> Summary:
        """What the run found, in words.

        Raises:
            ResultsError: No trial was evaluated.
        """
        observations, trials = self.observations(), self.table("trials")
        ended_badly = trials[trials["status"].isin(BROKEN)]
        failures = _failure_lines(ended_badly)
        try:
            best = best_row(observations)
        except ResultsError as error:
            reasons = f" ({'; '.join(failures)})" if failures else ""
            remedy = "; lower training.learning_rate?" if (ended_badly["status"] == "diverged").any() else ""
            raise ResultsError(f"no trial of {self.folder} reached an evaluation{reasons}{remedy}") from error
        name = score_name(observations, trials)
        verdict, lines = load_verdict(self.folder, name), []
        if num_stopped := int((trials["status"] == "stopped").sum()):
            lines.append(f"stopped early: {num_stopped} of {len(trials)} trials")
        lines.append(f"best run: {best['trial']}, {name} {best['score']:.2f} at step {best['step']}")
        lines.append(f"measured by: {best['signature']}")
        measures = self.table("measures")
        if further := _further(measures, best, name):
            lines.append(f"also: {further}")
        lines += effect_lines(reward_effects(observations, validation_measures(measures, observations, name)))
        return Summary(
            verdict=verdict,
            sentences=verdict_sentences(verdict),
            failures=failures,
            table=_comparison_rows(observations, verdict),
            lines=tuple(lines),
        )


def _further(measures: pd.DataFrame, best: pd.Series, name: str) -> str:
    """The further metrics of the best run's report."""
    report = (measures["trial"] == best["trial"]) & (measures["iteration"] == best["iteration"])
    rows = measures[report & (measures["split"] == VALIDATION) & (measures["metric"] != name)]
    return ", ".join(
        f"{row['metric']} {row['score']:.2f}{'' if row['higher_is_better'] else ' (less is better)'}"
        for row in rows.to_dict("records")
    )


def _failure_lines(ended_badly: pd.DataFrame) -> tuple[str, ...]:
    """One line per status and reason, with the trials that it ended.

    >>> rows = [("mle-s1", "no word"), ("raml-s1", "no word"), ("member-0", "its worker was lost")]
    >>> _failure_lines(pd.DataFrame(rows, columns=["trial", "error"]).assign(status="failed"))
    ('failed: mle-s1, raml-s1: no word', 'failed: member-0: its worker was lost')
    """
    grouped = ended_badly.groupby(["status", "error"], sort=False, dropna=False)["trial"]
    return tuple(f"{status}: {', '.join(trials)}: {error}" for (status, error), trials in grouped)


def _comparison_rows(observations: pd.DataFrame, verdict: Verdict) -> tuple[tuple[str, ...], ...]:
    """The comparison as text, at most 80 columns wide: the best mean first, with the lead over maximum likelihood."""
    leads = {lead.algorithm: lead for lead in verdict.leads}
    rows = [("trained", "n", "mean", "95% interval", f"− {BASELINE}", "p", "best")]
    for row in comparison(observations).to_dict("records"):
        interval = "" if math.isnan(row["low"]) else f"{row['low']:.2f} … {row['high']:.2f}"
        lead = leads.get(str(row["label"]))
        difference = "" if lead is None else f"{lead.difference:+.2f}"
        p_value = "" if lead is None or lead.p_value is None else f"{lead.p_value:.3f}"
        numbers = (f"{row['mean']:.2f}", interval, difference, p_value, f"{row['best']:.2f}")
        rows.append((str(row["label"]), str(row["n"]), *numbers))
    return tuple(rows)
