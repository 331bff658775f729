"""What a replay says, in a table and in sentences that claim no more than the numbers carry."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from erpo_explore.analysis.replay import LEVEL, load_runs, replay_table
from erpo_explore.store import load_results
from erpo_explore.store.files import Location, join, write_aside

__all__ = ["ReplayReport", "read_replay", "write_replay"]

Row = Mapping[Hashable, Any]
"""One of the table's."""

HEADERS = ("trained", "n", "{score}", "found − it", "p seeds", "p sentences", "p Holm", "steps", "time", "tokens/s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """A replay's outcome.

    Attributes:
        table: What `replay_table` returns.
        title: What was scored, and how.
        rows: The table as people read it, its headers first.
        sentences: What follows from it.
    """

    table: pd.DataFrame
    title: str
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]

    def markdown(self) -> str:
        """All of it."""
        header, *body = ("| " + " | ".join(row) + " |" for row in self.rows)
        rule = "| --- |" + " ---: |" * (len(self.rows[0]) - 1)
        said = [f"- {sentence}" for sentence in self.sentences]
        return "\n".join([f"# {self.title}", "", header, rule, *body, "", *said, ""])


def read_replay(folder: Location, found: str, generator: np.random.Generator) -> ReplayReport:
    """Compare the runs of a replay, ended or not.

    Args:
        folder: Its results folder.
        found: Name of the found path.
        generator: Draws the sentences of the bootstrap.

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
    """Write `replay.csv`, the table's numbers, and `replay.md`, what people read.

    Returns:
        Where the latter is.

    Raises:
        ResultsError: The folder cannot be written.
    """
    write_aside(join(folder, "replay.csv"), report.table.to_csv(index=False).encode())
    page = join(folder, "replay.md")
    write_aside(page, report.markdown().encode())
    return page


def _how(folder: Location, split: str) -> str:
    if split == "validation":
        return "at the end of the budget; the task has no test set"
    test = load_results(folder, "tests").iloc[0]
    return f"last weights, beam {test['beam_width']}"


def _cells(row: Row) -> tuple[str, ...]:
    """A row of the table as text."""
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
    """A mean and half of its interval, where there is one."""
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
    """What has become of the found path, in a sentence."""
    found, rivals = table.iloc[0], table.iloc[1:]
    if math.isnan(found["mean"]):
        return "The found path has no score: none of its runs has reached the end of its budget."
    if rivals.empty:
        return "The found path was replayed alone, so nothing says whether it is better than another."
    beaten, others = (list(rivals[rivals["verdict"].eq("beats") == won]["algorithm"]) for won in (True, False))
    if not others:
        return f"The found path beats {_and(beaten)}."
    if not beaten:
        return f"The found path does not beat its {'rival' if len(others) == 1 else 'rivals'} {_and(others)}."
    return f"The found path beats {_and(beaten)}, but not {_and(others)}."


def _sentence(row: Row) -> str:
    """The found path against one rival."""
    name = row["algorithm"]
    if math.isnan(row["difference"]):
        return f"Against {name}: one of the two has no score."
    lead = f"{row['difference']:+.2f}"
    if math.isnan(row["holm_p_value"]):
        return f"Against {name}: {lead}, from too few seeds, or none that differ, to say more than that."
    lead += f" (95 % over seeds {row['difference_low']:+.2f} to {row['difference_high']:+.2f})"
    p_value = f"p = {row['holm_p_value']:.3f}"
    if row["verdict"] == "unclear":
        return f"Against {name}: {lead}, which is within noise ({p_value})."
    better = "better" if row["verdict"] == "beats" else "worse"
    return f"Against {name}: {lead}; the found path is {better} ({p_value})."


def _notes(table: pd.DataFrame, split: str) -> list[str]:
    """How the numbers came about."""
    rivals = table.iloc[1:]
    notes = []
    if rivals["holm_p_value"].notna().any():
        which = "of seeds and of sentences" if rivals["sentences_p_value"].notna().any() else "of seeds"
        corrected = f", corrected for {len(rivals)} rivals by Holm" if len(rivals) > 1 else ""
        notes.append(f"p is the larger of those {which}{corrected}; below {LEVEL} a difference is held to be real.")
    if split == "validation":
        notes.append("The valid set may have chosen the path; a test set would give scores that nothing was chosen by.")
    unscored = table[table["num_unscored"] > 0].to_dict("records")
    return notes + [
        f"{row['num_unscored']} of {row['n'] + row['num_unscored']} runs of {row['algorithm']} have no score, "
        "and are in no mean."
        for row in unscored
    ]


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
