"""Differences between the algorithms of an exploration, with the tests that a replay uses.

Compared are the best validation scores; a replay compares last scores on the test set. Best scores are slightly
optimistic for every algorithm. The leader was chosen because it leads, and no p-value here corrects for that.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from erpo_explore.analysis.points import higher_is_better, point_table, scored, seed_scores
from erpo_explore.analysis.replay import replay_table
from erpo_explore.analysis.runs import Runs, statistics_of

__all__ = ["algorithm_contrasts", "algorithm_runs", "best_reports", "searched_contrasts", "verdict"]

MAX_REPORTS: Final = 3000  # without compaction each report is a file, and opening one takes a millisecond


def best_reports(observations: pd.DataFrame) -> pd.DataFrame:
    """Best reports of the trials whose sentences are compared: the best trial, then the named algorithms, best first.

    Args:
        observations: The observations table, with at least one score.

    Returns:
        trial and iteration. An algorithm is left out once the reports to read exceed `MAX_REPORTS`.
    """
    trials = point_table(observations)
    num_reports = observations.groupby("trial").size()
    means = trials.dropna(subset=["algorithm", "best_objective"]).groupby("algorithm")["best_objective"].mean()
    wanted, budget = [str(trials["trial"].iloc[0])], MAX_REPORTS
    for algorithm in means.sort_values(ascending=False, kind="stable").index:
        of_algorithm = trials.loc[(trials["algorithm"] == algorithm) & trials["best_score"].notna(), "trial"]
        budget -= int(num_reports[of_algorithm].sum())
        if budget < 0:
            break
        wanted += of_algorithm.tolist()
    reports = scored(observations[observations["trial"].isin(wanted)])
    ordered = reports.sort_values(["objective", "step"], ascending=[False, True], kind="stable")
    return ordered.groupby("trial").head(1)[["trial", "iteration"]]


def algorithm_contrasts(
    observations: pd.DataFrame, sentences: pd.DataFrame, generator: np.random.Generator
) -> pd.DataFrame:
    """Compare the named algorithm with the best mean with each other one.

    Args:
        observations: The observations table.
        sentences: Rows of the table `sentences` of `best_reports` and the validation split; may be empty.
        generator: Draws the resampled corpora.

    Returns:
        A table as `replay_table` returns it, the leader first. No rows where fewer than two algorithms have a score.
    """
    runs = algorithm_runs(observations, sentences)
    if len(runs) < 2:
        return pd.DataFrame()
    leader = max(runs, key=lambda one: one.sign * float(np.mean(list(one.scores.values()))))
    return replay_table(runs, leader.name, generator)


def searched_contrasts(
    observations: pd.DataFrame, sentences: pd.DataFrame, generator: np.random.Generator
) -> pd.DataFrame:
    """Compare the best trial, where the search proposed it, with each named algorithm.

    The trial is one run of one seed, so only the bootstrap over sentences can tell it from an algorithm.

    Args:
        observations: As in `algorithm_contrasts`.
        sentences: As in `algorithm_contrasts`.
        generator: As in `algorithm_contrasts`.

    Returns:
        A table as `replay_table` returns it, the best trial first. No rows where a named algorithm is the best, or
        none has a score.
    """
    best, runs = point_table(observations).iloc[0], algorithm_runs(observations, sentences)
    if isinstance(best["algorithm"], str) or not runs:
        return pd.DataFrame()
    own = observations[observations["trial"] == best["trial"]]
    name = str(best["trial"])
    run = _run(name, own, _statistics(sentences), point_table(own), higher_is_better(observations))
    return replay_table([run, *runs], name, generator)


def verdict(row: Mapping[Hashable, Any]) -> str:
    """Verdict of a row of the contrasts, in words.

    Args:
        row: A row of `replay_table`, not its first.
    """
    if np.isnan(row["difference"]):
        return "no score"
    if np.isnan(row["holm_p_value"]):
        return "too few seeds to tell"
    return {"beats": "better, beyond noise", "worse": "worse, beyond noise"}.get(row["verdict"], "within noise")


def algorithm_runs(observations: pd.DataFrame, sentences: pd.DataFrame) -> list[Runs]:
    """Runs of each algorithm that has a score.

    Args:
        observations: The observations table.
        sentences: As in `algorithm_contrasts`.
    """
    observations = observations.dropna(subset="algorithm")
    known, trials, more = _statistics(sentences), point_table(observations), higher_is_better(observations)
    runs = []
    for algorithm, group in trials.dropna(subset="algorithm").groupby("algorithm", sort=True):
        if group["best_score"].notna().any():
            reports = observations[observations["trial"].isin(group["trial"])]
            runs.append(_run(str(algorithm), reports, known, group, more))
    return runs


def _run(name: str, reports: pd.DataFrame, known: Mapping[str, Any], trials: pd.DataFrame, more: bool) -> Runs:
    """Runs of one algorithm by seed.

    A seed that ran twice counts with its mean score; the sentences of such an algorithm are left out.
    """
    kept = trials[trials["best_score"].notna()]
    scores = seed_scores(kept.assign(algorithm=name))[name]
    by_seed = {int(row["seed"]): known[row["trial"]] for row in kept.to_dict("records") if row["trial"] in known}
    return Runs(
        name=name,
        scores=scores,
        higher_is_better=more,
        statistics=by_seed if len(by_seed) == len(kept) else {},
        num_unscored=len(trials) - len(kept),
        steps=float(trials["steps"].median()),
        elapsed_s=float(reports.groupby("trial")["elapsed_s"].max().median()),
        tokens_per_s=float(reports["tokens_per_s"].median()),
    )


def _statistics(sentences: pd.DataFrame) -> dict[str, Any]:
    """Sentence statistics by trial; of several validation sets, those of the one that most trials share."""
    if sentences.empty:
        return {}
    kinds = sentences["kind"] + sentences["num_sentences"].astype(str)
    same = sentences[kinds == kinds.mode().iloc[0]]
    return {str(row["trial"]): statistics_of(row) for row in same.to_dict("records")}
