"""Result of a replay: a table, and sentences that claim no more than the numbers support."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from erpo_explore.analysis.replay import LEVEL, replay_table
from erpo_explore.analysis.runs import load_runs
from erpo_explore.store import load_results
from erpo_explore.store.columns import VALIDATION
from erpo_explore.store.files import Location, join, write_aside
from erpo_explore.store.layout import REPLAY_PAGE, REPLAY_TABLE

__all__ = ["ReplayReport", "read_replay", "write_replay"]

Row = Mapping[Hashable, Any]
"""Row of the table."""

HEADERS = (
    "algorithm",
    "n",
    "{score}",
    "found − algorithm",
    "p seeds",
    "p sentences",
    "p Holm",
    "steps",
    "time",
    "tokens/s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Result of a replay.

    Attributes:
        table: Result of `replay_table`.
        title: Metric, split and decoding.
        rows: The table as formatted text, headers first.
        sentences: Conclusions from the table.
    """

    table: pd.DataFrame
    title: str
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]

    def markdown(self) -> str:
        """Format title, table and sentences as Markdown."""
        header, *body = ("| " + " | ".join(row) + " |" for row in self.rows)
        rule = "| --- |" + " ---: |" * (len(self.rows[0]) - 1)
        bullets = [f"- {sentence}" for sentence in self.sentences]
        return "\n".join([f"# {self.title}", "", header, rule, *body, "", *bullets, ""])


def read_replay(folder: Location, found: str, generator: np.random.Generator) -> ReplayReport:
    """Compare the runs of a replay, finished or not.

    Args:
        folder: Results folder of the replay.
        found: Name of the found path.
        generator: Draws the resampled corpora of the bootstrap.

    Raises:
        ResultsError: The folder holds no exploration.
    """
    split, runs = load_runs(folder)
    table = replay_table(runs, found, generator)
    score = str(load_results(folder, "trials")["score_name"].iloc[0])
    return ReplayReport(
        table=table,
        title=f"Replay: {score} on the {split} set, {_how(folder, split)}",
        rows=(tuple(header.format(score=score) for header in HEADERS), *map(_cells, table.to_dict("records"))),
        sentences=(_outcome(table), *map(_sentence, table.iloc[1:].to_dict("records")), *_notes(table, split)),
    )


def write_replay(report: ReplayReport, folder: Location) -> Location:
    """Write `replay.csv`, the numbers, and `replay.md`, the formatted report.

    Returns:
        Location of `replay.md`.

    Raises:
        ResultsError: The folder cannot be written.
    """
    write_aside(join(folder, REPLAY_TABLE), report.table.to_csv(index=False).encode())
    page = join(folder, REPLAY_PAGE)
    write_aside(page, report.markdown().encode())
    return page


def _how(folder: Location, split: str) -> str:
    if split == VALIDATION:
        return "at the end of the budget; the task has no test set"
    widths = sorted(set(load_results(folder, "tests")["beam_width"]))
    return f"last weights, beam {', '.join(map(str, widths))}"


def _cells(row: Row) -> tuple[str, ...]:
    """Format a row of the table."""
    return (
        str(row["algorithm"]),
        str(row["n"]),
        _with_interval(row["mean"], row["high"]),
        _lead(row),
        *(_p_value(row[name]) for name in ("seeds_p_value", "sentences_p_value", "holm_p_value")),
        f"{row['median_steps']:.0f}",
        f"{row['median_elapsed_s']:.0f} s",
        f"{row['median_tokens_per_s']:,.0f}",
    )


def _with_interval(mean: float, high: float) -> str:
    """Format a mean and half of its interval, where there is one."""
    if math.isnan(mean):
        return ""
    return f"{mean:.2f}" if math.isnan(high) else f"{mean:.2f} ± {high - mean:.2f}"


def _lead(row: Row) -> str:
    lead, low, high = row["difference"], row["difference_low"], row["difference_high"]
    if math.isnan(lead):
        return ""
    return f"{lead:+.2f}" if math.isnan(low) else f"{lead:+.2f} ({low:+.2f} to {high:+.2f})"


def _p_value(p_value: float) -> str:
    return "" if math.isnan(p_value) else f"{p_value:.3f}"


def _outcome(table: pd.DataFrame) -> str:
    """Conclusion on the found path, in a sentence."""
    found, baselines = table.iloc[0], table.iloc[1:]
    if math.isnan(found["mean"]):
        return "The found path has no score: none of its runs has reached the end of its budget."
    if baselines.empty:
        return "The found path was replayed without baselines, so it cannot be compared."
    beaten, others = (list(baselines[baselines["verdict"].eq("beats") == won]["algorithm"]) for won in (True, False))
    if not others:
        return f"The found path beats {_and(beaten)}."
    if not beaten:
        return f"The found path does not beat its {'baseline' if len(others) == 1 else 'baselines'} {_and(others)}."
    return f"The found path beats {_and(beaten)}, but not {_and(others)}."


def _sentence(row: Row) -> str:
    """Comparison with one baseline, in a sentence."""
    name = row["algorithm"]
    if math.isnan(row["difference"]):
        return f"Against {name}: one of the two has no score."
    lead = f"{row['difference']:+.2f}"
    if math.isnan(row["holm_p_value"]):
        return f"Against {name}: {lead}. There are too few seeds, or too little spread over them, for an interval."
    lead += f" (95 % over seeds {row['difference_low']:+.2f} to {row['difference_high']:+.2f})"
    p_value = f"p = {row['holm_p_value']:.3f}"
    if row["verdict"] == "unclear":
        return f"Against {name}: {lead}, which is within noise ({p_value})."
    better = "better" if row["verdict"] == "beats" else "worse"
    return f"Against {name}: {lead}; the found path is {better} ({p_value})."


def _notes(table: pd.DataFrame, split: str) -> list[str]:
    """Notes on how the numbers were computed."""
    baselines = table.iloc[1:]
    notes = []
    if baselines["holm_p_value"].notna().any():
        which = "of seeds and of sentences" if baselines["sentences_p_value"].notna().any() else "of seeds"
        corrected = f", corrected for {len(baselines)} baselines by Holm" if len(baselines) > 1 else ""
        notes.append(f"p is the larger of those {which}{corrected}; below {LEVEL} a difference is significant.")
    if split == VALIDATION:
        notes.append("The path may have been chosen on the validation set; a test set would give unbiased scores.")
    unscored = table[table["num_unscored"] > 0].to_dict("records")
    return notes + [
        f"{row['num_unscored']} of {row['n'] + row['num_unscored']} runs of {row['algorithm']} have no score "
        "and are in no mean."
        for row in unscored
    ]


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
