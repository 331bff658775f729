"""Sections of the report as HTML: text and tables. Every text from data is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd

from erpo_explore.analysis.branches import BranchSearch
from erpo_explore.analysis.contrasts import verdict
from erpo_explore.analysis.importance import Importances
from erpo_explore.analysis.measures import measure_table, metric_names
from erpo_explore.analysis.pareto import pareto_set
from erpo_explore.analysis.points import comparison, point_table
from erpo_explore.analysis.samples import Sentence
from erpo_explore.report.captions import TITLES, caption
from erpo_explore.report.page import figure_slot, table
from erpo_explore.report.word_diff import word_diff
from erpo_explore.store.columns import TEST, VALIDATION

__all__ = [
    "candidates_section",
    "caution",
    "comparison_section",
    "contrasts_section",
    "cost_section",
    "facts",
    "figure_section",
    "measures_section",
    "points_section",
    "reward_caution",
    "samples_section",
]

MAX_ROWS: Final = 500
MAX_CHARACTERS: Final = 2000
CONTRASTS_NOTE: Final = (
    "A difference is significant where both tests agree: a t-test over seeds, and a paired bootstrap over the "
    "validation sentences. p Holm is the larger p, corrected for the number of baselines; it must be below 0.05. "
    "A single seed gives no information about other seeds, however small its p over sentences. A dash marks a "
    "value that is unknown or was not stored. g is the difference in standard deviations over seeds (Hedges). "
    "Nothing here corrects for choosing the leader as the best of all: replay it to test that."
)
MARKUP: Final = {"same": "{}", "extra": "<ins>{}</ins>", "missing": "<del>{}</del>"}


def facts(manifest: Mapping[str, object], observations: pd.DataFrame, metric: str) -> str:
    """The facts that are needed to repeat the exploration."""
    versions = manifest.get("versions")
    times = observations["reported_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
    known = {
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
    items = "".join(f"<dt>{key}</dt><dd>{escape(value or 'not recorded')}</dd>" for key, value in known.items())
    return f"<dl>{items}</dl>"


def caution(observations: pd.DataFrame) -> str:
    """A warning where explorations differ in task, model or scorer; empty where they do not."""
    differing = [name for name in ("task", "model", "signature") if observations[name].nunique() > 1]
    if not differing:
        return ""
    return (
        f'<p class="summary caution">These trials differ in {" and ".join(differing)}. Their scores may not be '
        "comparable, and everything below compares them.</p>"
    )


def reward_caution(lines: Sequence[str]) -> str:
    """Warnings that rewards rose while a metric fell; empty where none did."""
    return "".join(f'<p class="summary caution">{escape(line)}</p>' for line in lines)


def figure_section(name: str, importances: Importances | None) -> str:
    """Title, slot and caption of a figure.

    Args:
        name: Name of the figure.
        importances: What the figure `importance` shows; None where it is not drawn.
    """
    return f"<h2>{TITLES[name]}</h2>{figure_slot(name, caption(name, importances))}"


def comparison_section(observations: pd.DataFrame) -> str:
    """Table of algorithms over their seeds."""
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
    note = "Scores are each trial's best on the validation set, and therefore slightly optimistic for all of them."
    return f'<h2>Algorithms</h2>{table(titles, rows, tall=True)}<p class="note">{note}</p>'


def candidates_section(search: BranchSearch, candidates: pd.DataFrame) -> str:
    """Table of the paths that a search by branches tried, and since when each is dropped.

    Args:
        search: What the search believes.
        candidates: Result of `candidate_table`.
    """
    titles = ["path", "scores", "gain, with 95 % interval", "may lead", "dropped after"]
    rows = [
        [
            _marked(row),
            ", ".join(f"{score:.2f}" for score in row["scores"]) or "no whole run",
            "–" if row["is_reference"] else f"{row['gain']:+.2f} ({row['gain_low']:+.2f} to {row['gain_high']:+.2f})",
            "leads" if pd.isna(row["chance"]) else f"{row['chance']:.0%}",
            None if pd.isna(row["dropped_after"]) else f"{row['dropped_after']} of {search.num_ended} runs",
        ]
        for row in candidates.head(MAX_ROWS).to_dict("records")
    ]
    note = (
        "Scores are those of whole runs, one per seed. Gains are expected, over maximum likelihood. The chance that a "
        "path may lead is that of being better than the most promising one. A path is dropped while this chance is "
        "below 5 %: the search then hardly ever trains it again. No branch ends early."
    )
    return f'{table(titles, rows, right=titles[2:], tall=True)}<p class="note">{note}</p>'


def _marked(row: Mapping[Any, Any]) -> str:
    """Name of a path, and what it is."""
    kinds = [
        word for word, is_kind in (("handed over", row["is_handed"]), ("reference", row["is_reference"])) if is_kind
    ]
    return f"{row['name']} ({', '.join(kinds)})" if kinds else str(row["name"])


def measures_section(measures: pd.DataFrame, observations: pd.DataFrame, decides: str) -> str:
    """Table of every metric, side by side; empty where there is one alone."""
    names = metric_names(measures, decides)
    if len(names) < 2:
        return ""
    pieces = []
    for split, title in ((VALIDATION, "Validation set, at the best report of each trial"), (TEST, "Test set")):
        found = measure_table(measures, observations, split)
        if found.empty:
            continue
        directions = dict(zip(found["metric"], found["higher_is_better"], strict=True))
        titles = ["algorithm", "n", *(f"{name} {'↑' if directions.get(name, True) else '↓'}" for name in names)]
        rows = []
        for label, group in found.groupby("label", sort=False):
            means = dict(zip(group["metric"], group["mean"], strict=True))
            rows.append([label, int(group["n"].max()), *(means.get(name) for name in names)])
        pieces.append(f"<h3>{title}</h3>{table(titles, rows, tall=True)}")
    note = (
        "Means over trials; the first metric decides. ↑: more is better, ↓: less is better. Signatures: "
        + "; ".join(sorted(set(measures["signature"])))
    )
    return f'<h2>All metrics</h2>{"".join(pieces)}<p class="note">{escape(note)}</p>'


def contrasts_section(tables: Sequence[pd.DataFrame]) -> str:
    """Tables of differences between algorithms, with their significance.

    Args:
        tables: Results of `contrasts`; those without rows are skipped.
    """
    pieces = [_contrasts_table(contrasts) for contrasts in tables if len(contrasts) > 1]
    if not pieces:
        return ""
    return f'<h2>Differences between algorithms</h2>{"".join(pieces)}<p class="note">{CONTRASTS_NOTE}</p>'


def _contrasts_table(contrasts: pd.DataFrame) -> str:
    """The leader, and its difference to each other algorithm."""
    leader, baselines = contrasts.iloc[0], contrasts.iloc[1:].to_dict("records")
    titles = ["against", "difference", "verdict", "95 % over seeds", "effect g", "p seeds", "p sentences", "p Holm"]
    rows = [
        [
            row["algorithm"],
            _signed(row["difference"]),
            verdict(row),
            _interval(row),
            _or_none(row["effect_size"]),
            *(_p_value(row[name]) for name in ("seeds_p_value", "sentences_p_value", "holm_p_value")),
        ]
        for row in baselines
    ]
    title = f"{leader['algorithm']}, n = {leader['n']}, mean {leader['mean']:.2f}"
    return f"<h3>{escape(title)}</h3>{table(titles, rows, right=[titles[1], *titles[3:]], tall=True)}"


def cost_section(observations: pd.DataFrame, metric: str) -> str:
    """Table of the Pareto-optimal trials."""
    rows = pareto_set(observations)[["trial", "score", "elapsed_s", "step"]].astype(object).to_numpy().tolist()
    note = "Pareto-optimal trials: each is better than all faster ones. The time is that of its best weights."
    return f'{table(["trial", metric, "seconds", "steps"], rows)}<p class="note">{note}</p>'


def points_section(observations: pd.DataFrame) -> str:
    """Table of all trials, the best first; of very many only the best."""
    titles = ["trial", "point", "seed", "status", "best", "at step", "final", "ρ", "τ"]
    titles += ["truth", "noise", "task", "model", "metric"]
    columns = ["trial", "label", "seed", "status", "best_score", "best_step", "final_score", "rho", "tau"]
    columns += ["reward_truth", "reward_noise", "reward_task", "reward_model", "metric"]
    points = point_table(observations)[columns].astype(object)
    shown = points.head(MAX_ROWS)
    rows = shown.where(shown.notna(), None).to_numpy().tolist()
    left = f'<p class="note">The best {len(shown)} of {len(points)}.</p>' if len(points) > len(shown) else ""
    return f"<h2>All trials</h2>{table(titles, rows, tall=True)}{left}"


def samples_section(sentences: Sequence[Sentence]) -> str:
    """Hypotheses of the best trials, side by side; empty where no sample was stored."""
    if not sentences:
        return ""
    note = (
        "<ins>Underlined</ins>: in the hypothesis, not in the reference. <del>Struck out</del>: in the reference, not "
        "in the hypothesis."
    )
    return f'<h2>Samples</h2><p class="note">{note}</p>{"".join(map(_sentence, sentences))}'


def _sentence(sentence: Sentence) -> str:
    """One sentence: source, reference and hypotheses."""
    cards = [_card("source", escape(_cut(sentence.source))), _card("reference", escape(_cut(sentence.reference)))]
    for hypothesis in sentence.hypotheses:
        words = " ".join(
            MARKUP[piece.kind].format(escape(piece.text))
            for piece in word_diff(_cut(sentence.reference), _cut(hypothesis.text))
        )
        score = "" if hypothesis.score is None else f", {hypothesis.score:.1f}"
        cards.append(
            _card(
                f"{hypothesis.label}{score}",
                words or "<em>nothing</em>",
                f"{hypothesis.trial} at step {hypothesis.step}",
            )
        )
    return f'<div class="sentence">{"".join(cards)}</div>'


def _card(title: str, content: str, origin: str = "") -> str:
    """One text with its title and its origin."""
    small = f"<small>{escape(origin)}</small>" if origin else ""
    return f"<div><h4>{escape(title)}</h4><p>{content}</p>{small}</div>"


def _cut(text: str) -> str:
    """Cut a text to the length that a page can show."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} …"


def _listed(values: "pd.Series[Any]") -> str:
    """Distinct values that are not null, sorted."""
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _ranges(values: "pd.Series[int]") -> str:
    """Format whole numbers, with runs of three or more joined.

    >>> _ranges(pd.Series([1, 2, 5, 6, 7, 8]))
    '1, 2, 5–8'
    """
    numbers = np.unique(values.to_numpy())
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    texts = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 else [str(number) for number in run] for run in runs if len(run)]
    return ", ".join(text for run in texts for text in run)


def _no_interval(row: Mapping[Any, Any]) -> str:
    """Reason why a row of the comparison has no interval."""
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
