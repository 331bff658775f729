"""The report's sections in words and tables, as HTML; every text from data is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd

from erpo_explore.analysis.contrasts import verdict
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.points import comparison, point_table
from erpo_explore.analysis.samples import Sentence
from erpo_explore.report.page import table
from erpo_explore.report.word_diff import word_diff

__all__ = ["comparison_section", "contrasts_section", "cost_section", "header", "points_section", "samples_section"]

MOST_ROWS: Final = 500
MOST_LETTERS: Final = 2000
MARKUP: Final = {"same": "{}", "extra": "<ins>{}</ins>", "missing": "<del>{}</del>"}


def header(name: str, manifest: Mapping[str, object], observations: pd.DataFrame, metric: str) -> str:
    """Name of the exploration and what is needed to repeat it."""
    versions = manifest.get("versions")
    times = observations["reported_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
    facts = {
        "task": _listed(observations["task"]),
        "model": _listed(observations["model"]),
        "metric": metric,
        "signature": _listed(observations["signature"]),
        "seeds": _ranges(observations["seed"]),
        "trials": f"{observations['trial'].nunique()}, with {len(observations)} reports",
        "reported": f"{times.min()} to {times.max()}",
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items())
        if isinstance(versions, dict)
        else "",
        "commit": str(manifest.get("git_commit") or ""),
    }
    items = "".join(f"<dt>{key}</dt><dd>{escape(value or 'not recorded')}</dd>" for key, value in facts.items())
    return f"<header><h1>{escape(name)}</h1><dl>{items}</dl></header>"


def comparison_section(observations: pd.DataFrame) -> str:
    """Algorithms over seeds."""
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
    titles = ["algorithm", "n", "mean", "95 % interval", "sd", "best", "unscored"]
    note = "Scores are each trial's best on the valid set, and so a little too high for all of them."
    return f'<h2>Algorithms</h2>{table(titles, rows, tall=True)}<p class="note">{note}</p>'


def contrasts_section(tables: Sequence[pd.DataFrame]) -> str:
    """What is better than what, and whether that is more than noise.

    Args:
        tables: Of `contrasts`; those without rows are passed over.
    """
    pieces = []
    for contrasts in tables:
        if len(contrasts) > 1:
            leader, rivals = contrasts.iloc[0], contrasts.iloc[1:].to_dict("records")
            titles = ["against", "lead", "verdict", "95 % over seeds", "effect g", "p seeds", "p sentences", "p Holm"]
            rows = [
                [
                    row["algorithm"],
                    _signed(row["difference"]),
                    verdict(row),
                    _interval(row),
                    _or_none(row["effect_size"]),
                ]
                + [_p_value(row[name]) for name in ("seeds_p_value", "sentences_p_value", "holm_p_value")]
                for row in rivals
            ]
            title = f"{leader['algorithm']}, n = {leader['n']}, mean {leader['mean']:.2f}"
            pieces.append(f"<h3>{escape(title)}</h3>{table(titles, rows, right=[titles[1], *titles[3:]], tall=True)}")
    if not pieces:
        return ""
    note = (
        "A lead is held to be real where a t-test over seeds and a paired bootstrap over the valid sentences both say "
        "so: p Holm, the larger p corrected for the number of rivals, is below 0.05. One seed says nothing about "
        "others, however sure its sentences are; a dash is what cannot be known, or what was not kept. g is the lead "
        "in standard deviations over seeds (Hedges). Nothing here corrects for the leader having been picked as the "
        "best of all: replay it to know."
    )
    return f'<h2>What is better?</h2>{"".join(pieces)}<p class="note">{note}</p>'


def cost_section(observations: pd.DataFrame, metric: str) -> str:
    """The trials that no other beats in score without costing more."""
    rows = pareto_set(observations)[["trial", "score", "elapsed_s", "step"]].astype(object).to_numpy().tolist()
    note = "Each of these trials has a higher score than all that took less time; the time is that of its best weights."
    return f'{table(["trial", metric, "seconds", "steps"], rows)}<p class="note">{note}</p>'


def points_section(observations: pd.DataFrame) -> str:
    """Every trial, the best first; of very many the best."""
    titles = ["trial", "point", "seed", "status", "best", "at step", "final", "ρ", "τ"]
    titles += ["truth", "noise", "task", "model", "metric"]
    columns = ["trial", "label", "seed", "status", "best_score", "best_step", "final_score", "rho", "tau"]
    columns += ["reward_truth", "reward_noise", "reward_task", "reward_model", "metric"]
    points = point_table(observations)[columns].astype(object)
    shown = points.head(MOST_ROWS)
    rows = shown.where(shown.notna(), None).to_numpy().tolist()
    left = f'<p class="note">The best {len(shown)} of {len(points)}.</p>' if len(points) > len(shown) else ""
    return f"<h2>All trials</h2>{table(titles, rows, tall=True)}{left}"


def samples_section(sentences: Sequence[Sentence]) -> str:
    """What the best trials say, side by side; nothing where no sentence was kept."""
    if not sentences:
        return ""
    note = (
        "<ins>Underlined</ins>: said, but not in the reference. <del>Struck out</del>: in the reference, but not said."
    )
    return f'<h2>Samples</h2><p class="note">{note}</p>{"".join(map(_sentence, sentences))}'


def _sentence(sentence: Sentence) -> str:
    """One sentence and all that was made of it."""
    cards = [_card("source", escape(_cut(sentence.source))), _card("reference", escape(_cut(sentence.reference)))]
    for said in sentence.said:
        words = " ".join(
            MARKUP[piece.kind].format(escape(piece.text))
            for piece in word_diff(_cut(sentence.reference), _cut(said.hypothesis))
        )
        score = "" if said.score is None else f", {said.score:.1f}"
        cards.append(_card(f"{said.label}{score}", words or "<em>nothing</em>", f"{said.trial} at step {said.step}"))
    return f'<div class="sentence">{"".join(cards)}</div>'


def _card(title: str, content: str, origin: str = "") -> str:
    """One text with its title, and where it is from."""
    small = f"<small>{escape(origin)}</small>" if origin else ""
    return f"<div><h4>{escape(title)}</h4><p>{content}</p>{small}</div>"


def _cut(text: str) -> str:
    """A text that fits a page."""
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …"


def _listed(values: "pd.Series[Any]") -> str:
    """The distinct values that are not null, in order."""
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _ranges(values: "pd.Series[int]") -> str:
    """Whole numbers with runs of three or more joined.

    >>> _ranges(pd.Series([1, 2, 5, 6, 7, 8]))
    '1, 2, 5–8'
    """
    numbers = np.unique(values.to_numpy())
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    texts = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 else [str(number) for number in run] for run in runs if len(run)]
    return ", ".join(text for run in texts for text in run)


def _no_interval(row: Mapping[Any, Any]) -> str:
    """Why a row of the comparison has no interval."""
    if row["n"] == 0:
        return "no score"
    return "n = 1: no interval" if row["over"] == "seeds" else "different points: no interval"


def _signed(value: float) -> str | None:
    return None if np.isnan(value) else f"{value:+.2f}"


def _interval(row: Mapping[Any, Any]) -> str | None:
    low, high = row["difference_low"], row["difference_high"]
    return None if np.isnan(low) else f"{low:+.2f} to {high:+.2f}"


def _p_value(value: float) -> str | None:
    return None if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
