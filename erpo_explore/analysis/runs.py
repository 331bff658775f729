"""Runs of an algorithm over its seeds, as a replay scores them."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from erpo_explore.analysis.points import higher_is_better
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import load_results
from erpo_explore.store.columns import TEST, VALIDATION
from erpo_explore.store.files import Location

__all__ = ["Runs", "load_runs", "statistics_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one algorithm.

    Attributes:
        name: Name of the algorithm or path.
        scores: Score by seed.
        higher_is_better: Direction of the score.
        statistics: Sentence statistics of these scores by seed; either of all seeds, or empty.
        num_unscored: Number of runs that diverged, failed or have not ended. They are in no mean.
        steps: Optimizer steps, median over runs.
        elapsed_s: Seconds of training and evaluation, median over runs.
        tokens_per_s: Target tokens per second, median over reports.
    """

    name: str
    scores: Mapping[int, float]
    statistics: Mapping[int, CorpusStatistics]
    num_unscored: int
    steps: float
    elapsed_s: float
    tokens_per_s: float
    higher_is_better: bool = True

    @property
    def sign(self) -> float:
        """Factor that turns a score into an objective, of which more is better."""
        return 1.0 if self.higher_is_better else -1.0


def load_runs(folder: Location) -> tuple[str, list[Runs]]:
    """Load the runs of every algorithm and path in a results folder.

    Args:
        folder: Results folder, a path or a URI.

    Returns:
        The split that the runs are scored on, and the runs. The split is the test set, decoded at the end of each
        run. Where the task has none, it is the validation set at the last report.

    Raises:
        ResultsError: The folder holds no exploration.
    """
    observations, trials = load_results(folder), load_results(folder, "trials")
    tests, sentences = load_results(folder, "tests"), load_results(folder, "sentences")
    split = TEST if len(tests) else VALIDATION
    scored = tests if len(tests) else observations
    finished = set(trials[trials["status"] == "finished"]["trial"])
    last = scored[scored["trial"].isin(finished)].dropna(subset="score").groupby("trial").tail(1)
    decoded = last[["trial", "iteration"]].merge(sentences[sentences["split"] == split], on=["trial", "iteration"])
    scores = dict(zip(last["trial"], last["score"].astype(float), strict=True))
    statistics = {row["trial"]: statistics_of(row) for row in decoded.to_dict("records")}
    runs = []
    for name, group in trials.dropna(subset="algorithm").groupby("algorithm", sort=False):
        seeds = {int(seed): str(trial) for trial, seed in zip(group["trial"], group["seed"], strict=True)}
        kept = {seed: trial for seed, trial in seeds.items() if trial in scores}
        known = {seed: statistics[trial] for seed, trial in kept.items() if trial in statistics}
        reports = observations[observations["trial"].isin(group["trial"])]
        runs.append(
            Runs(
                name=str(name),
                scores={seed: scores[trial] for seed, trial in kept.items()},
                higher_is_better=higher_is_better(last),
                statistics=known if len(known) == len(kept) else {},
                num_unscored=len(group) - len(kept),
                steps=float(group["steps"].median()),
                elapsed_s=float(group["elapsed_s"].median()),
                tokens_per_s=float(reports["tokens_per_s"].median()),
            )
        )
    return split, runs


def statistics_of(row: Mapping[Hashable, Any]) -> CorpusStatistics:
    """Convert a row of the table `sentences`."""
    return CorpusStatistics(kind=row["kind"], values_ND=np.asarray(row["values"]).reshape(row["num_sentences"], -1))
